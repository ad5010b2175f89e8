"""Random activity over month boundaries, clock changes and closes, against a naive replay."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.months import Month
from tenants.models import MeteringPolicy, Organization
from tenants.refusals import MauLimitReached
from tests.usage.counting import add, set_policy
from tests.usage.naive import NaiveActivity
from tests.usage.sightings import active_of, first_seen, report
from usage.ledger.month_freeze import freeze_month
from usage.ledger.verify import verify_ledger
from usage.models.active_users import LateActivity

ZONES = ["UTC", "America/Santiago", "Pacific/Kiritimati", "Etc/GMT+12", "Europe/Berlin"]
PEOPLE = 4
START = datetime(2026, 9, 25, tzinfo=UTC)
# Near the ends of months, and the nights the clocks change, more often than not.
instants = st.one_of(
    st.integers(0, 90 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes)),
    st.builds(
        lambda month, seconds: datetime(2026, month, 1, tzinfo=UTC) + timedelta(seconds=seconds),
        st.integers(10, 12),
        st.integers(-15 * 3600, 15 * 3600),
    ),
    st.builds(
        lambda seconds: datetime(2026, 10, 25, 0, 30, tzinfo=UTC) + timedelta(seconds=seconds),
        st.integers(0, 7200),
    ),
)
seen = st.tuples(st.integers(0, PEOPLE - 1), instants)
reports = st.tuples(st.just("tell"), st.lists(seen, min_size=1, max_size=5))
closes = st.tuples(st.just("close"), st.integers(9, 11))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    zone=st.sampled_from(ZONES),
    threshold=st.sampled_from([None, 1, 2, 3]),
    steps=st.lists(st.one_of(reports, reports, closes), min_size=1, max_size=10),
)
def test_months_and_first_instants_are_those_of_a_naive_replay(
    policy: MeteringPolicy,
    zone: str,
    threshold: int | None,
    steps: list[tuple[str, object]],
) -> None:
    with transaction.atomic():
        _replay(zone, threshold, steps)
        transaction.set_rollback(True)


def _replay(zone: str, threshold: int | None, steps: list[tuple[str, object]]) -> None:
    set_policy(billing_time_zone=zone)
    acme = Organization.objects.create(
        name="Random", created_at=START - timedelta(days=90), mau_limit=threshold
    )
    users = add(acme, *[START] * PEOPLE)
    naive = NaiveActivity(ZoneInfo(zone), threshold)
    for what, argument in steps:
        if what == "close":
            assert isinstance(argument, int)
            month = Month(2026, argument)
            freeze_month(month=month, zone=ZoneInfo(zone))
            naive.close(month)
            continue
        assert isinstance(argument, list)
        try:
            report(acme, *[(users[person], when) for person, when in argument])
            fitted = True
        except MauLimitReached:
            fitted = False
        assert fitted == naive.report(argument)
    numbers = {user.pk: number for number, user in enumerate(users)}
    found = {(month, numbers[pk]): when for (month, pk), when in first_seen(acme).items()}
    assert found == naive.first
    assert active_of(acme) == {month: naive.count(month) for month, _ in naive.first}
    late = LateActivity.objects.filter(organization=acme).values_list("month", "user_id")
    assert {(f"{month:%Y-%m}", numbers[pk]) for month, pk in late} == naive.late
    assert verify_ledger() == []
