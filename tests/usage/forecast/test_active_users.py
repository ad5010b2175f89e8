"""The forecast of active users: the method by hand, and the demo's own months."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from accounts.models import Provider
from core.actors import SYSTEM_ACTOR
from core.metrics import Metric
from core.months import Month
from core.schema import provider_schema
from tenants.models import ManagedUser, MeteringPolicy, Organization
from tenants.organizations.lifecycle import remove_organization
from tests.usage.sightings import report
from usage.forecast.active_users_method import (
    ActivePart,
    active_ends,
    compared,
    day_over,
    shares_by_day,
    still_to_come,
)
from usage.forecast.active_users_months import ActiveForecast, forecast_active_month
from usage.forecast.backtest import try_month
from usage.forecast.months import OrganizationForecast

ZONE = ZoneInfo("UTC")
PAST = ActivePart(reached=10, final=15, there=20)


def test_of_those_not_seen_yet_the_same_part_comes() -> None:
    """5 of 10 still came: of 30 not seen today 15 will."""
    assert still_to_come(ActivePart(10, 10, 40), PAST) == 15
    assert still_to_come(ActivePart(40, 40, 40), PAST) == 0
    assert still_to_come(ActivePart(10, 10, 13), PAST) == 2
    assert still_to_come(ActivePart(0, 0, 0), PAST) == 0


def test_no_more_come_than_are_there_but_those_who_join() -> None:
    """One was left and ten came: nine had joined since, and nine join again."""
    assert still_to_come(ActivePart(10, 10, 50), ActivePart(19, 29, 20)) == 40 + 9
    assert still_to_come(ActivePart(5, 5, 3), PAST) == 0


def test_months_without_active_users_and_the_next_are_not_compared() -> None:
    empty = ActivePart(0, 0, 20)
    assert compared([PAST, PAST, empty, PAST, PAST]) == [PAST, None, None, PAST]


def test_too_few_months_and_it_goes_as_all_together() -> None:
    together = [ActivePart(50, 100, 100)] * 4
    running = ActivePart(4, 4, 10)
    few = active_ends(running, own=[None, PAST, PAST, PAST], together=together, threshold=None)
    assert few == [(10, 10)] * 4
    own = [ActivePart(10, 10, 20)] * 4
    assert active_ends(running, own=own, together=together, threshold=None) == [(4, 4)] * 4


def test_a_threshold_refuses_what_would_pass_it_and_counted_users_stay() -> None:
    running, together = ActivePart(4, 4, 10), [ActivePart(50, 100, 100)] * 4
    own = [None] * 4
    assert active_ends(running, own=own, together=together, threshold=7) == [(7, 10)] * 4
    assert active_ends(running, own=own, together=together, threshold=3) == [(4, 10)] * 4


def test_the_day_is_the_first_by_which_more_than_half_of_the_months_are_over() -> None:
    by_day = shares_by_day([5, 5, 2, 4, 4], reached=6, today=2)
    assert by_day == [4 / 14, 6 / 14, 10 / 14, 1.0]
    shares = [by_day] * 4
    assert day_over(6, wanted=[20] * 4, shares=shares, limit=15) == 2
    assert day_over(6, wanted=[20] * 4, shares=shares, limit=20) is None
    assert day_over(21, wanted=[21] * 4, shares=shares, limit=20) == 0
    assert day_over(6, wanted=[15, 15, 20, 20], shares=shares, limit=15) is None
    assert day_over(6, wanted=[15, 20, 20, 20], shares=shares, limit=19) == 3
    assert day_over(6, wanted=[20] * 3, shares=shares[:3], limit=15) is None


@pytest.fixture
def acme(north: Provider) -> Iterator[Organization]:
    """Twenty people; in each month ten are seen on its 2nd and six on its 20th, from January on."""
    with provider_schema(north):
        MeteringPolicy.objects.update(free_user_limit=None)
        begin = datetime(2026, 1, 1, tzinfo=UTC)
        acme = Organization.objects.create(name="Acme", created_at=begin)
        people = ManagedUser.objects.bulk_create(
            ManagedUser(organization=acme, email=f"u{n}@acme.example", added_at=begin)
            for n in range(20)
        )
        for month in range(1, 8):
            for day, seen in ((2, people[:10]), (20, people[10:16])):
                at = datetime(2026, month, day, 9, tzinfo=UTC)
                report(acme, *[(one, at) for one in seen], now=at)
        at = datetime(2026, 8, 2, 9, tzinfo=UTC)
        report(acme, *[(one, at) for one in people[:10]], now=at)
        yield acme


def august(day: int) -> tuple[ActiveForecast, OrganizationForecast]:
    forecast = forecast_active_month(at=datetime(2026, 8, day, 12, tzinfo=UTC), zone=ZONE)
    (one,) = forecast.whole.organizations
    return forecast, one


def test_six_more_are_expected_until_they_have_come(acme: Organization) -> None:
    forecast, one = august(10)
    assert (one.outlook.locked_in, one.outlook.expected, one.outlook.spans) == (10, 16, 6)
    assert forecast.whole.total.expected == 16
    # As far into August as the 20th was into the shorter ones of those months.
    assert forecast.day_over(15) == date(2026, 8, 21)
    assert forecast.day_over(16) is None
    assert forecast.day_over(9) == date(2026, 8, 10)
    assert august(28)[1].outlook.expected == 10


def test_a_threshold_is_passed_on_a_day_and_nothing_is_expected_above_it(
    acme: Organization,
) -> None:
    Organization.objects.update(mau_limit=12)
    forecast, one = august(10)
    assert (one.limit, one.is_at_limit, one.cap_day) == (12, False, date(2026, 8, 21))
    assert forecast.whole.total.expected == one.outlook.high == 12
    assert forecast.day_over(12) is None
    Organization.objects.update(mau_limit=10)
    assert august(10)[1].is_at_limit


def test_a_removed_organization_grows_no_more(acme: Organization) -> None:
    now = datetime(2026, 8, 9, tzinfo=UTC)
    remove_organization(organization=acme, actor=SYSTEM_ACTOR, now=now)
    _, one = august(10)
    assert (one.outlook.expected, one.outlook.high, one.cap_day) == (10, 10, None)
    september = forecast_active_month(at=datetime(2026, 9, 2, tzinfo=UTC), zone=ZONE)
    assert september.whole.organizations == ()


def test_nothing_seen_or_reported_later_is_known(
    acme: Organization, django_assert_num_queries: object
) -> None:
    with django_assert_num_queries(1):
        before = august(10)
    later = datetime(2026, 8, 12, tzinfo=UTC)
    new = ManagedUser.objects.create(organization=acme, email="new@acme.example", added_at=later)
    old = ManagedUser.objects.get(email="u19@acme.example")
    report(acme, (new, later), (old, later - timedelta(days=5)), now=later)
    assert august(10) == before
    assert august(13)[1].outlook.locked_in == 12


def test_a_month_with_too_little_behind_it_says_what_is_locked_in(acme: Organization) -> None:
    forecast = forecast_active_month(at=datetime(2026, 5, 10, tzinfo=UTC), zone=ZONE)
    assert (forecast.whole.total.expected, forecast.whole.total.spans) == (10, 0)
    assert forecast.day_over(12) is None
    may = {trial.basis for trial in try_month(month=Month(2026, 5), zone=ZONE)}
    june = [
        one
        for one in try_month(month=Month(2026, 6), zone=ZONE)
        if one.basis == Metric.ACTIVE_USERS
    ]
    assert Metric.ACTIVE_USERS not in may
    expected = [(one.day, one.expected, one.last_value, one.last_month) for one in june]
    assert expected[:3] == [(1, 16, 0, 16), (5, 16, 10, 16), (10, 16, 10, 16)]
    assert {one.actual for one in june} == {16}
