"""An organization's months, newest first: what each peaked at, and what made the peak."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from accounts.models import Provider
from core.actors import SYSTEM_ACTOR
from core.months import Month
from core.schema import provider_schema
from tenants.models import ManagedUser, Organization
from tenants.users.membership import Via, add_member, remove_member
from usage.ledger.user_months import UserMonth, user_months

ZONE = ZoneInfo("UTC")
MAY = Month(2026, 5)


@pytest.fixture
def acme(north: Provider) -> Iterator[Organization]:
    """An organization since 10 January 2026, north's schema entered."""
    with provider_schema(north):
        yield Organization.objects.create(name="Acme", created_at=datetime(2026, 1, 10, tzinfo=UTC))


def add(acme: Organization, name: str, *, month: int, day: int) -> ManagedUser:
    return add_member(
        member=ManagedUser(organization=acme, email=f"{name}@acme.example", name=name),
        actor=SYSTEM_ACTOR,
        via=Via.FORM,
        now=datetime(2026, month, day, tzinfo=UTC),
    )


def marks(months: list[UserMonth]) -> list[tuple[int, int, str]]:
    return [(one.first_day.month, one.high_water_mark, one.peak_name) for one in months]


def test_months_without_an_event_show_the_level_carried_in(acme: Organization) -> None:
    add(acme, "ada", month=2, day=3)
    ben = add(acme, "ben", month=2, day=4)
    remove_member(member=ben, actor=SYSTEM_ACTOR, now=datetime(2026, 2, 5, tzinfo=UTC))
    for name in ("cleo", "dora", "emil"):
        add(acme, name, month=4, day=20)
    months = user_months(organization=acme, month=MAY, zone=ZONE)
    assert marks(months) == [
        (5, 4, ""),
        (4, 4, "emil@acme.example"),
        (3, 1, ""),
        (2, 2, "ben@acme.example"),
        (1, 0, ""),
    ]
    assert months[3].peak_at == datetime(2026, 2, 4, tzinfo=UTC)
    assert [one.share for one in months] == [100, 100, 25, 50, 0]


def test_only_as_many_months_as_requested(acme: Organization) -> None:
    add(acme, "ada", month=2, day=3)
    months = user_months(organization=acme, month=MAY, zone=ZONE, months=2)
    assert [(one.first_day, one.high_water_mark) for one in months] == [
        (date(2026, 5, 1), 1),
        (date(2026, 4, 1), 1),
    ]


def test_an_organization_without_users_has_bars_of_nothing(acme: Organization) -> None:
    months = user_months(organization=acme, month=Month(2026, 1), zone=ZONE)
    assert [(one.high_water_mark, one.share) for one in months] == [(0, 0)]
