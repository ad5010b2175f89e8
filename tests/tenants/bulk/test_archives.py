"""An archived organization counts nothing and can be restored (0064)."""

from collections.abc import Iterator

import pytest
import time_machine
from django.db import IntegrityError, transaction

from accounts.models import Provider
from core.schema import provider_schema
from tenants.models import ManagedUser, Organization
from tenants.organizations.archiving import (
    NotArchived,
    StillInUse,
    archive_organization,
    restore_organization,
)
from tenants.organizations.lifecycle import (
    NameTaken,
    OrganizationLimitReached,
    create_organization,
    rename_organization,
)
from tenants.refusals import OrganizationRemoved
from tests.tenants.bulk.stories import BILL, Verb, add, at, do, mark, organization
from usage.ledger.verify import verify_ledger


@pytest.fixture(autouse=True)
def schema(north: Provider) -> Iterator[None]:
    with time_machine.travel(at(31, 23), tick=False), provider_schema(north):
        yield


def test_an_organization_with_users_is_not_archived() -> None:
    acme = organization(users=2)
    with pytest.raises(StillInUse) as refusal:
        archive_organization(organization=acme, actor=BILL, now=at(10))
    assert (refusal.value.users, refusal.value.devices) == (2, 0)
    acme.refresh_from_db()
    assert (acme.archived_at, acme.removed_at) == (None, None)


def test_nothing_is_added_to_an_archived_organization_and_its_month_stays_billed() -> None:
    acme = organization(users=2)
    do(Verb.REMOVE, ManagedUser.objects.all(), at(5))
    archive_organization(organization=acme, actor=BILL, now=at(10))
    with pytest.raises(OrganizationRemoved):
        add(acme, "new", at(11))
    assert mark(acme) == 2
    restore_organization(organization=acme, limit=50, actor=BILL, now=at(12))
    add(acme, "new", at(13))
    assert mark(acme) == 2
    assert verify_ledger() == []


def test_an_archived_organization_takes_none_of_the_provider_s_organizations() -> None:
    acme = organization()
    archive_organization(organization=acme, actor=BILL, now=at(10))
    used = Organization.objects.living().count()
    create_organization(name="Another", limit=used + 1, actor=BILL, now=at(11))
    with pytest.raises(OrganizationLimitReached):
        restore_organization(organization=acme, limit=used + 1, actor=BILL, now=at(12))


def test_a_name_that_was_taken_meanwhile_is_refused() -> None:
    acme = organization("Acme")
    archive_organization(organization=acme, actor=BILL, now=at(10))
    second = organization("ACME")
    with pytest.raises(NameTaken):
        restore_organization(organization=acme, limit=50, actor=BILL, now=at(12))
    rename_organization(organization=second, name="Second", actor=BILL, now=at(12))
    restore_organization(organization=acme, limit=50, actor=BILL, now=at(12))


def test_a_removed_organization_is_not_restored() -> None:
    acme = organization()
    Organization.objects.filter(pk=acme.pk).update(removed_at=at(10))
    with pytest.raises(NotArchived):
        restore_organization(organization=acme, limit=50, actor=BILL, now=at(12))
    with pytest.raises(IntegrityError), transaction.atomic():
        Organization.objects.filter(pk=acme.pk).update(archived_at=at(11))
