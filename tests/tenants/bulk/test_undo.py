"""Undo counts as if the change had never been, and overwrites nothing that came later (0063)."""

from collections.abc import Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db.models import QuerySet

from accounts.models import Provider
from core.months import Month
from core.schema import provider_schema
from tenants.bulk.actions import AlreadyDecided
from tenants.models import Device, ManagedUser, MeteringPolicy, Organization, UserAlias
from tenants.organizations.lifecycle import set_user_cap
from tenants.users.changes import change_user
from tenants.users.membership import Via, add_member, remove_member, set_user_state
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
    take_back,
)
from usage.active_users.identification import Sighting
from usage.active_users.recording import Reporter, record_activity
from usage.ledger.month_freeze import freeze_month
from usage.ledger.verify import verify_ledger
from usage.models import ActiveMonth, UsageEvent

REPORTER = Reporter("RMM", Via.API)


@pytest.fixture(autouse=True)
def schema(north: Provider) -> Iterator[None]:
    with time_machine.travel(at(31, 23), tick=False), provider_schema(north):
        yield


def users_of(acme: Organization, *names: str) -> QuerySet[ManagedUser]:
    emails = [f"{name}@acme.example" for name in names]
    return ManagedUser.objects.living().filter(organization=acme, email__in=emails)


def seen(acme: Organization, name: str, day: int) -> None:
    sighting = Sighting(at=at(day), email=f"{name}@acme.example")
    record_activity(
        organization=acme,
        sightings=[sighting],
        reporter=REPORTER,
        is_all_or_nothing=True,
        now=at(day, 12),
    )


def test_an_undone_removal_counts_as_if_it_had_never_been() -> None:
    acme = organization(users=5)
    action = do(Verb.REMOVE, users_of(acme, "user0", "user1"), at(10))
    assert (action.state, action.done, living(acme)) == ("done", 2, 3)
    undone = take_back(action, at(10, 9, 20))
    assert (undone.state, living(acme), mark(acme)) == ("undone", 5, 5)
    again = ManagedUser.objects.get(email="user0@acme.example", removed_at=None)
    assert (again.added_at, again.added_via, again.name) == (at(10), "undo", "user0")
    assert verify_ledger() == []


def test_a_place_that_was_taken_meanwhile_counts_beside_the_one_that_is_back() -> None:
    """Remove one, add another, remove that one, undo: there were six at once, not five."""
    acme = organization(users=5)
    action = do(Verb.REMOVE, users_of(acme, "user0"), at(10))
    guest = add(acme, "guest", at(10, 9, 5))
    remove_member(member=guest, actor=BILL, now=at(10, 9, 10))
    assert mark(acme) == 5
    take_back(action, at(10, 9, 20))
    assert (living(acme), mark(acme)) == (5, 6)
    assert verify_ledger() == []


def test_an_undo_across_the_end_of_a_month_counts_in_both() -> None:
    acme = organization(users=3)
    action = do(Verb.REMOVE, users_of(acme, "user0"), at(31, 23, 50))
    take_back(action, at(31, 23, 50) + timedelta(minutes=20))
    assert (living(acme), mark(acme)) == (3, 3)
    assert verify_ledger() == []


def test_a_removal_of_a_closed_month_is_not_undone() -> None:
    MeteringPolicy.objects.update(billing_time_zone="UTC")
    acme = organization(users=3)
    action = do(Verb.REMOVE, users_of(acme, "user0"), at(31, 23, 50))
    with time_machine.travel(at(31, 23) + timedelta(days=1)):
        freeze_month(month=Month(2026, 3), zone=ZoneInfo("UTC"))
        undone = take_back(action, at(31, 23, 50) + timedelta(minutes=20))
    assert (undone.state, living(acme), mark(acme)) == ("undone", 2, 3)
    assert "closed and billed" in problems(undone)[0]


def test_an_undo_does_not_pass_the_cap() -> None:
    acme = organization(users=5)
    set_user_cap(organization=acme, cap=5, actor=BILL, now=at(9))
    action = do(Verb.REMOVE, users_of(acme, "user0", "user1"), at(10))
    add(acme, "guest", at(10, 9, 5))
    undone = take_back(action, at(10, 9, 20))
    assert living(acme) == 5
    assert problems(undone) == ["The organization has reached its cap of 5 users."]


def test_a_person_who_was_added_again_meanwhile_is_not_added_twice() -> None:
    acme = organization(users=2)
    action = do(Verb.REMOVE, users_of(acme, "user0"), at(10))
    add(acme, "user0", at(10, 9, 5))
    undone = take_back(action, at(10, 9, 20))
    assert living(acme) == 2
    assert "has one with this address" in problems(undone)[0]


def test_a_person_who_is_back_is_one_active_user() -> None:
    acme = organization(users=3)
    seen(acme, "user0", 5)
    for day in (10, 11):
        take_back(do(Verb.REMOVE, users_of(acme, "user0"), at(day)), at(day, 9, 20))
        seen(acme, "user0", day + 5)
    assert ActiveMonth.objects.get(organization=acme).count == 1
    first = ManagedUser.objects.filter(email="user0@acme.example").earliest("pk")
    sighting = Sighting(at=at(4), user_id=first.pk)
    record_activity(
        organization=acme,
        sightings=[sighting],
        reporter=REPORTER,
        is_all_or_nothing=True,
        now=at(20),
    )
    assert ActiveMonth.objects.get(organization=acme).count == 1
    assert verify_ledger() == []


def test_a_person_who_was_active_only_after_the_undo_counts_once_by_either_row() -> None:
    acme = organization(users=1)
    first = ManagedUser.objects.get()
    take_back(do(Verb.REMOVE, users_of(acme, "user0"), at(10)), at(10, 9, 20))
    seen(acme, "user0", 15)
    record_activity(
        organization=acme,
        sightings=[Sighting(at=at(4), user_id=first.pk)],
        reporter=REPORTER,
        is_all_or_nothing=True,
        now=at(20),
    )
    assert ActiveMonth.objects.get(organization=acme).count == 1


def test_the_other_addresses_of_a_person_come_back_too() -> None:
    acme = organization(users=1)
    user = ManagedUser.objects.select_related("organization").get()
    change_user(user=user, email="new@acme.example", name="New", actor=BILL, now=at(5))
    take_back(do(Verb.REMOVE, users_of(acme, "new"), at(10)), at(10, 9, 20))
    back = ManagedUser.objects.get(removed_at=None)
    assert (back.email, back.name) == ("new@acme.example", "New")
    assert UserAlias.objects.filter(user=back, text="user0@acme.example").exists()


def test_undo_is_offered_once_and_for_half_an_hour() -> None:
    acme = organization(users=3)
    action = do(Verb.REMOVE, users_of(acme, "user0"), at(10))
    with pytest.raises(AlreadyDecided):
        take_back(action, at(10, 9, 31))
    take_back(action, at(10, 9, 29))
    with pytest.raises(AlreadyDecided):
        take_back(action, at(10, 9, 29))
    assert living(acme) == 3


def test_an_undo_leaves_a_state_that_was_set_since() -> None:
    acme = organization(users=2)
    action = do(Verb.SUSPEND, users_of(acme, "user0", "user1"), at(10))
    user = users_of(acme, "user0").get()
    # Suspended again by another administrator: the state is the same, but not the change.
    for state in (ManagedUser.State.ACTIVE, ManagedUser.State.SUSPENDED):
        set_user_state(user=user, state=state, actor=BILL, now=at(10, 9, 5))
    undone = take_back(action, at(10, 9, 20))
    states = ManagedUser.objects.order_by("email").values_list("state", flat=True)
    assert list(states) == ["suspended", "active"]
    assert problems(undone) == ["It was changed since."]
    assert UsageEvent.objects.count() == 2


def test_an_undo_leaves_a_cap_that_was_set_since() -> None:
    acme, other = organization(), organization("Other")
    rows = Organization.objects.filter(pk__in=[acme.pk, other.pk])
    set_user_cap(organization=other, cap=7, actor=BILL, now=at(1))
    action = do(Verb.SET_CAP, rows, at(10), kind=Kind.ORGANIZATIONS, cap=50)
    for cap in (60, 50):
        set_user_cap(organization=acme, cap=cap, actor=BILL, now=at(10, 9, 5))
    undone = take_back(action, at(10, 9, 20))
    acme.refresh_from_db()
    other.refresh_from_db()
    assert (acme.user_cap, other.user_cap) == (50, 7)
    assert problems(undone) == ["It was changed since."]


def test_an_undone_archiving_is_a_restored_organization() -> None:
    acme = organization()
    rows = Organization.objects.filter(pk=acme.pk)
    action = do(Verb.ARCHIVE, rows, at(10), kind=Kind.ORGANIZATIONS)
    assert not Organization.objects.living().filter(pk=acme.pk).exists()
    take_back(action, at(10, 9, 20))
    assert Organization.objects.living().filter(pk=acme.pk).exists()


def test_a_later_archiving_is_not_undone() -> None:
    acme = organization()
    rows = Organization.objects.filter(pk=acme.pk)
    first = do(Verb.ARCHIVE, rows, at(10), kind=Kind.ORGANIZATIONS)
    do(Verb.RESTORE, rows, at(10, 9, 5), kind=Kind.ORGANIZATIONS)
    do(Verb.ARCHIVE, rows, at(10, 9, 10), kind=Kind.ORGANIZATIONS)
    undone = take_back(first, at(10, 9, 20))
    assert problems(undone) == ["It was changed since."]
    assert Organization.objects.archived().filter(pk=acme.pk).exists()


def test_an_undone_removal_of_a_device_has_its_location() -> None:
    acme = organization()
    place = acme.locations.create(name="Office")
    device = Device(organization=acme, name="Laptop", serial_number="SN-1", location=place)
    add_member(member=device, actor=BILL, via=Via.DEMO, now=at(2))
    action = do(Verb.REMOVE, Device.objects.all(), at(10), kind=Kind.DEVICES)
    take_back(action, at(10, 9, 20))
    assert Device.objects.get(removed_at=None).location == place
    assert verify_ledger() == []


def test_a_move_is_not_undone() -> None:
    acme, other = organization(users=1), organization("Other")
    action = do(Verb.MOVE, users_of(acme, "user0"), at(10), organization=other.pk)
    with pytest.raises(AlreadyDecided):
        take_back(action, at(10, 9, 1))
