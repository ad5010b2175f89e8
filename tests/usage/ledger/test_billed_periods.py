"""Billed periods: the free allowance outside them, and the month in which one begins.

Each rule is seen to fail without its line of SQL (docs/decisions/0031).
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Provider
from core.actors import SYSTEM_ACTOR
from core.metrics import Metric
from core.months import Month
from tenants.models import BilledPeriod, ManagedUser, MeteringPolicy, Organization
from tests.usage.counting import add, at, count_of, refused, remove, set_policy
from tests.usage.sightings import report
from usage.cap_simulation.combined import combined_marks
from usage.cap_simulation.simulation import simulate_caps
from usage.explain.counted_at_peak import counted_at_peak
from usage.explain.peaks import explain_month
from usage.forecast.active_users_months import active_tracked
from usage.forecast.months import Instant
from usage.forecast.tracks import tracked
from usage.ledger.month_freeze import freeze_month
from usage.ledger.month_peaks import high_water_marks
from usage.ledger.rebuild import rebuild_usage
from usage.ledger.replay import replay_month
from usage.ledger.verify import verify_ledger
from usage.models import MonthlyUsage

OCTOBER, NOVEMBER, DECEMBER = Month(2026, 10), Month(2026, 11), Month(2026, 12)
AGREED = at("2026-11-14 10:00")
UTC = ZoneInfo("UTC")
MICROSECOND = timedelta(microseconds=1)


def period(starts_at: datetime, ends_at: datetime | None = None) -> BilledPeriod:
    """A billed period of the schema."""
    return BilledPeriod.objects.create(starts_at=starts_at, ends_at=ends_at)


def users_of(month: Month) -> tuple[int, int, datetime | None]:
    """The only organization's month: carried in, high-water mark, instant of the peak."""
    (peak,) = high_water_marks(month=month, metrics=[Metric.USERS])
    return peak.carried_in, peak.high_water_mark, peak.peak_at


@pytest.fixture
def story(acme: Organization) -> Organization:
    """Since October 3 users. November: up to 12, down to 4 before the agreement, 6 at the end."""
    add(acme, *[at("2026-10-05")] * 3)
    many = add(acme, *[at("2026-11-03")] * 9)
    remove(many[1:], at("2026-11-10"))
    add(acme, at("2026-11-20"), at("2026-11-21"))
    return acme


def test_a_month_is_counted_from_the_beginning_of_its_billed_period(story: Organization) -> None:
    assert users_of(NOVEMBER) == (3, 12, at("2026-11-03"))

    period(AGREED)

    assert users_of(NOVEMBER) == (4, 6, at("2026-11-21"))
    assert users_of(OCTOBER) == (0, 3, at("2026-10-05"))
    assert users_of(DECEMBER) == (6, 6, None)
    assert verify_ledger() == []


def test_additions_after_the_agreement_raise_the_new_count(story: Organization) -> None:
    period(AGREED)
    add(story, at("2026-11-25"))
    assert users_of(NOVEMBER) == (4, 7, at("2026-11-25"))
    assert verify_ledger() == []


def test_the_instant_of_the_agreement_is_inside_the_period(acme: Organization) -> None:
    users = add(acme, at("2026-11-02"), at("2026-11-02"))
    remove(users[:1], AGREED - MICROSECOND)
    add(acme, AGREED)

    period(AGREED)

    assert users_of(NOVEMBER) == (1, 2, AGREED)
    assert verify_ledger() == []


def test_without_an_event_since_the_agreement_its_count_is_billed(acme: Organization) -> None:
    users = add(acme, *[at("2026-11-02")] * 5)
    remove(users[:3], at("2026-11-03"))
    period(AGREED)
    assert users_of(NOVEMBER) == (2, 2, None)
    (replayed,) = replay_month(month=NOVEMBER).values()
    assert (replayed.carried_in, replayed.high_water_mark) == (2, 2)


def test_replay_explanation_and_forecast_share_the_rule(
    story: Organization, policy: MeteringPolicy
) -> None:
    Organization.objects.update(created_at=at("2026-10-01"))
    period(AGREED)
    (replayed,) = replay_month(month=NOVEMBER).values()
    assert (replayed.carried_in, replayed.high_water_mark) == (4, 6)

    explanation = explain_month(
        organization_id=story.pk, metric=Metric.USERS, month=NOVEMBER, zone=UTC
    )
    assert (explanation.carried_in, explanation.high_water_mark) == (4, 6)
    assert (explanation.starts_at, explanation.peak.at) == (AGREED, at("2026-11-21"))
    assert counted_at_peak(explanation=explanation)[1] == 6

    (track,) = tracked(at=at("2026-11-22"), month=NOVEMBER, zone=UTC)
    assert track.users.peak == 6
    (before,) = tracked(at=at("2026-11-12"), month=NOVEMBER, zone=UTC)
    assert before.users.peak == 12


def test_the_users_carried_into_the_agreement_are_listed(acme: Organization) -> None:
    users = add(acme, *[at("2026-11-02")] * 3)
    remove(users[:1], at("2026-11-03"))
    period(AGREED)
    remove(users[1:2], at("2026-11-20"))
    explanation = explain_month(
        organization_id=acme.pk, metric=Metric.USERS, month=NOVEMBER, zone=UTC
    )
    listed, number = counted_at_peak(explanation=explanation)
    assert number == explanation.high_water_mark == 2
    assert {each.subject_id for each in listed} == {user.pk for user in users[1:]}


def test_a_rebuild_keeps_the_count_from_the_agreement(story: Organization) -> None:
    period(AGREED)
    rebuilt = rebuild_usage(closed_too=True, actor=SYSTEM_ACTOR, now=at("2026-11-22"))
    assert rebuilt.before == []
    assert users_of(NOVEMBER) == (4, 6, at("2026-11-21"))


def test_a_moved_or_removed_period_counts_the_month_again(story: Organization) -> None:
    one = period(AGREED)
    BilledPeriod.objects.filter(pk=one.pk).update(starts_at=at("2026-11-05"))
    assert users_of(NOVEMBER) == (12, 12, None)
    one.delete()
    assert users_of(NOVEMBER) == (3, 12, at("2026-11-03"))
    assert verify_ledger() == []


def test_no_period_begins_inside_a_closed_month(story: Organization) -> None:
    period(at("2026-10-01"))
    freeze_month(month=NOVEMBER, zone=UTC)
    with refused("MT002"):
        period(AGREED)
    assert users_of(NOVEMBER) == (3, 12, at("2026-11-03"))


def test_the_free_allowance_applies_outside_the_periods(acme: Organization) -> None:
    set_policy(free_user_limit=2)
    period(AGREED, at("2026-12-01"))
    add(acme, *[AGREED - MICROSECOND] * 2)
    with refused("MT001"):
        add(acme, AGREED - MICROSECOND)
    add(acme, *[AGREED] * 3)
    add(acme, at("2026-12-01") - MICROSECOND)
    with refused("MT001"):
        add(acme, at("2026-12-01"))
    assert count_of(acme) == 6
    remove(ManagedUser.objects.all()[:5], at("2026-12-02"))
    add(acme, at("2026-12-03"))
    with refused("MT001"):
        add(acme, at("2026-12-03"))


def test_pages_read_the_same_allowance(acme: Organization) -> None:
    set_policy(free_user_limit=2)
    period(AGREED, at("2026-12-01"))
    limits = [
        MeteringPolicy.objects.free_user_limit_at(instant)
        for instant in (AGREED - MICROSECOND, AGREED, at("2026-12-01"))
    ]
    assert limits == [2, None, 2]


minutes = st.integers(0, 60 * 24 * 60)
moves = st.lists(st.tuples(st.booleans(), minutes), min_size=1, max_size=15)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(moves=moves, agreed=minutes)
def test_any_history_is_counted_from_any_agreement(
    policy: MeteringPolicy, moves: list[tuple[bool, int]], agreed: int
) -> None:
    first = at("2026-10-15")
    instant = first + timedelta(minutes=agreed)
    month = Month.of(instant, UTC)
    with transaction.atomic():
        acme = Organization.objects.create(name="Acme")
        present: list[ManagedUser] = []
        log: list[tuple[datetime, int]] = []
        for is_added, minute in sorted(moves, key=lambda move: move[1]):
            when = first + timedelta(minutes=minute)
            if is_added:
                present += add(acme, when)
            elif present:
                remove([present.pop()], when)
            else:
                continue
            log.append((when, len(present)))
        period(instant)
        carried = [count for when, count in log if when < instant][-1:] or [0]
        inside = [
            count
            for when, count in log
            if instant <= when and (when.year, when.month) == (month.year, month.month)
        ]
        assert users_of(month)[:2] == (carried[0], max([*carried, *inside]))
        assert MonthlyUsage.objects.filter(month=month.first_day).count() <= 2
        assert verify_ledger() == []
        transaction.set_rollback(True)


def test_the_cap_simulation_counts_the_month_from_the_agreement(
    story: Organization, north: Provider
) -> None:
    period(AGREED)
    for cap, drafted in ((None, 6), (5, 5), (9, 6)):
        _, (past,) = simulate_caps(caps={story.pk: cap}, now=at("2026-11-22"), zone=UTC)
        assert (past.users[-1], past.drafted[-1]) == (6, drafted), cap
    combined = combined_marks(
        metric=Metric.USERS,
        caps={story.pk: 5},
        organizations=[story.pk],
        months=[OCTOBER, NOVEMBER],
        zone=UTC,
    )
    assert (combined.actual, combined.drafted) == ((3, 6), (3, 5))


def test_the_forecast_of_active_users_counts_those_first_seen_since_the_agreement(
    acme: Organization,
) -> None:
    Organization.objects.update(created_at=at("2026-10-01"))
    early, late = add(acme, at("2026-10-05"), at("2026-10-05"))
    report(acme, (early, at("2026-11-03")), (late, at("2026-11-15")), now=at("2026-11-15"))
    instant = Instant.of(at("2026-11-22"), UTC)
    assert active_tracked(instant=instant).organizations[0].running.reached == 2

    period(AGREED)

    assert active_tracked(instant=instant).organizations[0].running.reached == 1
    before = Instant.of(at("2026-11-12"), UTC)
    assert active_tracked(instant=before).organizations[0].running.reached == 0
