"""Forecasts of past months, tried on the demo's own population of fourteen months."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import chain, groupby
from zoneinfo import ZoneInfo

import pytest
import time_machine

from accounts.models import Provider
from core.actors import SYSTEM_ACTOR
from core.metrics import Metric
from core.months import Month
from core.schema import provider_schema
from mtp.demo.companies import DEMO
from mtp.demo.population import Change, Move, monthly_moves
from tenants.models import ManagedUser, MeteringPolicy, Organization
from tenants.organizations.lifecycle import remove_organization
from tests.usage.counting import set_policy
from usage.forecast.backtest import accuracies, accuracy_near, record_backtest, try_month
from usage.forecast.months import forecast_month
from usage.forecast.tracks import tracked
from usage.ledger.month_peaks import high_water_marks
from usage.models import ForecastTrial

NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")


def apply(organization: Organization, moves: Iterable[Move]) -> None:
    """Add and remove the demo's users through the counting triggers."""
    for change, group in groupby(moves, key=lambda move: move.change):
        if change == Change.JOINED:
            ManagedUser.objects.bulk_create(
                ManagedUser(organization=organization, email=move.person.email, added_at=move.at)
                for move in group
            )
            continue
        for move in group:
            ManagedUser.objects.filter(
                organization=organization, email=move.person.email, removed_at=None
            ).update(removed_at=move.at)


@pytest.fixture
def demo(north: Provider) -> Iterator[list[Month]]:
    """The users of the demo's forty organizations over fourteen months, north's schema entered."""
    months = [Month.of(NOW, DEMO.zone)]
    for _ in range(DEMO.months):
        months.insert(0, months[0].previous)
    with provider_schema(north):
        set_policy(billing_time_zone=DEMO.time_zone, free_user_limit=None)
        for one in DEMO.organizations:
            organization = Organization.objects.create(
                name=one.name, created_at=months[0].starts_at(DEMO.zone)
            )
            history = monthly_moves(one, months=months, zone=DEMO.zone, has_churn=True, now=NOW)
            apply(organization, chain.from_iterable(history))
        yield months


def test_it_beats_last_value_and_last_month(demo: list[Month]) -> None:
    assert record_backtest(zone=DEMO.zone, now=NOW) == 11
    assert record_backtest(zone=DEMO.zone, now=NOW) == 0
    known = {one.day: one for one in accuracies(basis=Metric.USERS)}
    assert {day for day, one in known.items() if one.is_better} >= {1, 5, 10, 25}
    for one in known.values():
        assert one.months == 11
        assert one.total_error < one.last_value_error
        assert one.organization_error < one.organization_last_value_error
        assert one.organization_error < one.organization_last_month_error
    assert sum(one.held for one in known.values()) >= 0.75 * 6 * 11
    near = accuracy_near(18, list(known.values()))
    assert near is not None
    assert near.day == 15
    for trial in ForecastTrial.objects.filter(basis=Metric.USERS):
        month = Month.of_day(trial.month)
        marks = high_water_marks(month=month, metrics=[Metric.USERS])
        assert trial.actual == sum(level.high_water_mark for level in marks)
        assert trial.low <= trial.expected <= trial.high
        assert trial.last_value <= trial.expected


@pytest.fixture
def acme(north: Provider) -> Iterator[Organization]:
    with provider_schema(north):
        MeteringPolicy.objects.update(free_user_limit=None)
        yield Organization.objects.create(name="Acme", created_at=datetime(2026, 1, 1, tzinfo=UTC))


def join(acme: Organization, number: int, at: datetime) -> None:
    ManagedUser.objects.create(organization=acme, email=f"u{number}@acme.example", added_at=at)


def grow(acme: Organization) -> None:
    """One user a week from 1 January to 27 August."""
    for week in range(35):
        join(acme, week, datetime(2026, 1, 1, 9, tzinfo=UTC) + timedelta(weeks=week))


def test_later_events_are_not_known(acme: Organization) -> None:
    grow(acme)
    at = datetime(2026, 6, 10, 12, tzinfo=UTC)
    before = tracked(at=at, month=Month(2026, 6), zone=UTC_ZONE)
    tried = [
        str(one) + f" {one.expected}" for one in try_month(month=Month(2026, 6), zone=UTC_ZONE)
    ]
    for number in range(30):
        join(acme, 100 + number, datetime(2026, 8, 28, tzinfo=UTC))
    assert tracked(at=at, month=Month(2026, 6), zone=UTC_ZONE) == before
    again = [
        str(one) + f" {one.expected}" for one in try_month(month=Month(2026, 6), zone=UTC_ZONE)
    ]
    assert again == tried
    (one,) = before
    assert (one.users.present, one.users.peak) == (23, 23)


def test_peaks_and_levels_are_those_of_the_month_rows(acme: Organization) -> None:
    """Carried in, removed in the month, the boundary's own instant."""
    grow(acme)
    user = ManagedUser.objects.get(email="u0@acme.example")
    ManagedUser.objects.filter(pk=user.pk).update(removed_at=datetime(2026, 9, 1, tzinfo=UTC))
    (one,) = tracked(at=datetime(2026, 9, 2, tzinfo=UTC), month=Month(2026, 9), zone=UTC_ZONE)
    (level,) = high_water_marks(month=Month(2026, 9), metrics=[Metric.USERS])
    assert (one.users.peak, one.users.present) == (level.high_water_mark, 34) == (35, 34)
    assert one.devices.present == one.devices.peak == 0


def test_one_statement_reads_all(acme: Organization, django_assert_num_queries: object) -> None:
    grow(acme)
    with django_assert_num_queries(1):
        forecast = forecast_month(
            at=datetime(2026, 8, 30, tzinfo=UTC),
            zone=UTC_ZONE,
            basis=Metric.GREATER,
            free_user_limit=None,
        )
    assert forecast.total.locked_in == 35
    assert forecast.total.expected == 35


@time_machine.travel("2026-09-02T00:00:00Z", tick=False)
def test_a_cap_is_passed_on_a_day(acme: Organization) -> None:
    grow(acme)
    Organization.objects.update(user_cap=36)
    at = datetime(2026, 8, 28, tzinfo=UTC)
    forecast = forecast_month(at=at, zone=UTC_ZONE, basis=Metric.USERS, free_user_limit=None)
    (one,) = forecast.organizations
    assert (one.limit, one.is_at_limit, one.will_pass) == (36, False, True)
    assert one.cap_day is not None
    assert date(2026, 9, 9) <= one.cap_day <= date(2026, 9, 11)
    free = forecast_month(at=at, zone=UTC_ZONE, basis=Metric.USERS, free_user_limit=10)
    assert free.organizations[0].limit == 10
    assert free.organizations[0].is_at_limit


def test_a_removed_organization_does_not_grow(acme: Organization) -> None:
    """One user, and ten more for two days of every month; on 5 September it is removed."""
    join(acme, 0, datetime(2026, 1, 2, tzinfo=UTC))
    for month in range(2, 9):
        for number in range(10):
            join(acme, 100 * month + number, datetime(2026, month, 10, tzinfo=UTC))
        ManagedUser.objects.filter(
            added_at=datetime(2026, month, 10, tzinfo=UTC), removed_at=None
        ).update(removed_at=datetime(2026, month, 12, tzinfo=UTC))
    at = datetime(2026, 9, 5, tzinfo=UTC)
    forecast = forecast_month(at=at, zone=UTC_ZONE, basis=Metric.USERS, free_user_limit=None)
    assert (forecast.total.locked_in, forecast.total.expected) == (1, 11)
    remove_organization(organization=acme, actor=SYSTEM_ACTOR, now=at)
    forecast = forecast_month(at=at, zone=UTC_ZONE, basis=Metric.USERS, free_user_limit=None)
    assert (forecast.total.locked_in, forecast.total.high) == (1, 1)
