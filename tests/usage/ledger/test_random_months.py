"""Random comings and goings over month boundaries, against a naive replay."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.metrics import Metric
from core.months import Month
from tenants.models import ManagedUser, MeteringPolicy, Organization
from tests.usage.counting import add, count_of, months_of, remove, set_policy
from tests.usage.naive import Naive
from usage.ledger.month_freeze import freeze_month
from usage.ledger.month_peaks import high_water_marks
from usage.ledger.verify import verify_ledger

ZONES = ["UTC", "America/Santiago", "Pacific/Kiritimati", "Etc/GMT+12", "Australia/Lord_Howe"]
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
START = datetime(2026, 9, 25, tzinfo=UTC)
# Near the ends of months more often than not.
instants = st.one_of(
    st.integers(0, 100 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes)),
    st.builds(
        lambda month, seconds: datetime(2026, month, 1, tzinfo=UTC) + timedelta(seconds=seconds),
        st.integers(10, 12),
        st.integers(-15 * 3600, 15 * 3600),
    ),
)
additions = st.tuples(st.just("add"), st.lists(instants, min_size=1, max_size=4))
removals = st.tuples(st.just("remove"), st.tuples(st.integers(1, 4), instants))
MONTHS = [Month(2026, number) for number in range(8, 13)] + [Month(2027, 1), Month(2027, 2)]
closes = st.tuples(st.just("close"), st.integers(9, 12))


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    zone=st.sampled_from(ZONES),
    steps=st.lists(st.one_of(additions, additions, removals, closes), min_size=1, max_size=12),
)
def test_any_sequence_is_counted_like_a_naive_replay(
    policy: MeteringPolicy, zone: str, steps: list[tuple]
) -> None:
    with transaction.atomic():
        set_policy(billing_time_zone=zone)
        acme, naive = Organization.objects.create(name="Acme"), Naive(ZoneInfo(zone))
        live: list[ManagedUser] = []
        for step in steps:
            match step:
                case "add", whens:
                    users = add(acme, *whens)
                    live += users
                    naive.happen([(user.added_at, user.pk) for user in users], 1)
                case "remove", (number, when) if live:
                    leaving, live = live[:number], live[number:]
                    remove(leaving, when)
                    naive.happen([(when, user.pk) for user in leaving], -1)
                case "close", number:
                    month = Month(2026, number)
                    freeze_month(month=month, zone=naive.zone)
                    naive.close(month)
        assert count_of(acme) == sum(delta for _, _, delta in naive.log)
        expected = {str(month): naive.explanation(month) for month in MONTHS}
        for month, (carried_in, mark, peak_at) in months_of(acme).items():
            level, at, subject = expected[month]["peak"]
            assert (carried_in, mark) == (expected[month]["carried_in"], level)
            assert peak_at == (at if subject else None)
        for month in MONTHS:
            (level,) = high_water_marks(month=month, metrics=[Metric.USERS])
            assert level.high_water_mark == expected[str(month)]["peak"][0]
        assert verify_ledger() == []
        transaction.set_rollback(True)
