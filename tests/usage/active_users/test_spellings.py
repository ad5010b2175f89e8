"""Activity finds a user by any spelling of the address, by earlier ones, and by each of its ids."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from accounts.models import Provider
from core.schema import provider_schema
from tenants.models import ManagedUser, Organization
from tenants.users.changes import Change, change_users
from tenants.users.identity import Entry, known_users
from tests.tenants.import_files import ADAM
from tests.usage.counting import new_user
from usage.active_users.identification import Sighting, identify_users

SEEN = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
NOW = datetime(2026, 3, 20, 9, 0, tzinfo=UTC)


@pytest.fixture
def ann(north: Provider) -> Iterator[ManagedUser]:
    with provider_schema(north):
        acme = Organization.objects.create(name="Acme", created_at=datetime(2026, 1, 1, tzinfo=UTC))
        user = new_user(acme, datetime(2026, 2, 1, tzinfo=UTC), email="ann@münchen.example")
        user.external_id = "hr-1"
        user.save()
        entry = Entry("ann@münchen.example", "00u1")
        known = known_users(organization=acme, entries=[entry])[0]
        change = Change(known, "gizem.lee@münchen.example", external_id="00u1")
        change_users(organization=acme, changes=[change], actor=ADAM, now=NOW)
        yield user


@pytest.mark.parametrize("is_removed", [False, True])
def test_every_name_of_a_user_is_found(ann: ManagedUser, *, is_removed: bool) -> None:
    if is_removed:
        ManagedUser.objects.update(removed_at=NOW)
    names = [
        {"email": "GİZEM.Lee@XN--MNCHEN-3YA.example"},
        {"email": "Ann <ann@mu\u0308nchen.example>"},
        {"external_id": "hr-1"},
        {"external_id": "00u1"},
        {"user_id": ann.pk},
    ]
    sightings = [Sighting(at=SEEN, **name) for name in names]
    identified, refused = identify_users(
        organization=ann.organization, sightings=sightings, now=NOW
    )
    assert (refused, [one.user_id for one in identified]) == ({}, [ann.pk] * len(names))
