"""A moved user leaves and joins in one act (0063)."""

from collections.abc import Iterator

import pytest
import time_machine

from accounts.models import Provider
from core.metrics import Metric
from core.months import Month
from core.schema import provider_schema
from tenants.models import AuditEntry, Device, ManagedUser, MeteringPolicy, Organization, UserAlias
from tenants.organizations.lifecycle import set_user_cap
from tenants.users.changes import change_user
from tenants.users.membership import Via, add_member
from tests.tenants.bulk.stories import (
    BILL,
    Kind,
    Verb,
    add,
    at,
    do,
    living,
    mark,
    organization,
    problems,
)
from usage.ledger.combined_peak import combined_peak
from usage.ledger.verify import verify_ledger
from usage.models import UsageEvent


@pytest.fixture(autouse=True)
def schema(north: Provider) -> Iterator[None]:
    with time_machine.travel(at(31, 23), tick=False), provider_schema(north):
        MeteringPolicy.objects.update(billing_time_zone="UTC")
        yield


@pytest.fixture
def acme() -> Organization:
    return organization(users=4)


@pytest.fixture
def other() -> Organization:
    return organization("Other Nordlicht")


def test_both_organizations_have_the_event_at_one_instant(
    acme: Organization, other: Organization
) -> None:
    # The other organization's last event is later than the move, by another machine's clock.
    add(other, "late", at(10, 9, 1))
    do(Verb.MOVE, ManagedUser.objects.filter(name="user0"), at(10), organization=other.pk)
    left, joined = UsageEvent.objects.order_by("-pk")[:2][::-1]
    assert (left.organization, left.delta, joined.organization, joined.delta) == (
        acme,
        -1,
        other,
        1,
    )
    assert left.at == joined.at
    assert left.effective_at == joined.effective_at
    assert (mark(acme), mark(other), living(acme), living(other)) == (4, 2, 3, 2)
    together = combined_peak(month=Month(2026, 3), metric=Metric.USERS)
    assert together.high_water_mark == 5
    assert verify_ledger() == []


def test_names_ids_state_and_other_addresses_go_along(
    acme: Organization, other: Organization
) -> None:
    user = ManagedUser.objects.select_related("organization").get(name="user0")
    change_user(user=user, email="new@acme.example", name="New", actor=BILL, now=at(5))
    ManagedUser.objects.filter(pk=user.pk).update(external_id="hr-1", state="suspended")
    do(Verb.MOVE, ManagedUser.objects.filter(pk=user.pk), at(10), organization=other.pk)
    moved = ManagedUser.objects.get(organization=other)
    assert (moved.email, moved.name, moved.external_id, moved.state) == (
        "new@acme.example",
        "New",
        "hr-1",
        "suspended",
    )
    assert UserAlias.objects.filter(organization=other, text="user0@acme.example").exists()
    entries = AuditEntry.objects.filter(action="user.moved").order_by("organization_id")
    assert [entry.organization_id for entry in entries] == [acme.pk, other.pk]
    assert entries[0].before == {"organization": "Acme Nordlicht"}
    assert entries[0].after == {"organization": "Other Nordlicht"}


def test_a_move_holds_to_the_cap_line_by_line(acme: Organization, other: Organization) -> None:
    set_user_cap(organization=other, cap=2, actor=BILL, now=at(2))
    rows = ManagedUser.objects.filter(organization=acme)
    action = do(Verb.MOVE, rows, at(10), organization=other.pk)
    assert (action.done, action.failed, living(acme), living(other)) == (2, 2, 2, 2)
    assert problems(action) == ["The organization has reached its cap of 2 users."] * 2
    assert verify_ledger() == []


def test_a_refused_move_leaves_the_user_where_it_was(
    acme: Organization, other: Organization
) -> None:
    add(other, "user0", at(3))
    events = UsageEvent.objects.count()
    rows = ManagedUser.objects.filter(organization=acme, name="user0")
    action = do(Verb.MOVE, rows, at(10), organization=other.pk)
    assert (action.failed, living(acme), UsageEvent.objects.count()) == (1, 4, events)


def test_no_user_moves_into_an_archived_organization(
    acme: Organization, other: Organization
) -> None:
    do(
        Verb.ARCHIVE,
        Organization.objects.filter(pk=other.pk),
        at(5),
        kind=Kind.ORGANIZATIONS,
    )
    action = do(Verb.MOVE, ManagedUser.objects.all(), at(10), organization=other.pk)
    assert (action.failed, living(acme)) == (4, 4)
    assert problems(action)[0] == "The organization was removed."


def test_a_device_leaves_its_location(acme: Organization, other: Organization) -> None:
    place = acme.locations.create(name="Office")
    device = Device(organization=acme, name="Laptop", serial_number="SN-1", location=place)
    add_member(member=device, actor=BILL, via=Via.DEMO, now=at(2))
    do(Verb.MOVE, Device.objects.all(), at(10), kind=Kind.DEVICES, organization=other.pk)
    moved = Device.objects.get(removed_at=None)
    assert (moved.organization, moved.location, moved.serial_number) == (other, None, "SN-1")
    assert verify_ledger() == []
