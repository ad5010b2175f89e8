"""Random comings and goings over month boundaries, against a naive replay."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.metrics import Metric
from core.months import Month
from tenants.models import ManagedUser, MeteringPolicy, Organization
from tests.usage.counting import add, count_of, events_of, months_of, remove, set_policy
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
closes = st.tuples(st.just("close"), st.integers(9, 12))


@dataclass
class Naive:
    """The expected ledger, worked out one event after the other."""

    zone: ZoneInfo
    closed_through: datetime = LONG_AGO
    last: datetime = LONG_AGO
    count: int = 0
    events: list[tuple[datetime, int, int]] = field(default_factory=list)
    months: dict[str, tuple[int, int, datetime | None]] = field(default_factory=dict)

    def happen(self, whens: list[datetime], delta: int) -> None:
        # All of one statement are placed against the last event before it.
        for when in sorted(max(when, self.last, self.closed_through) for when in whens):
            month = str(Month.of(when, self.zone))
            carried, peak, peak_at = self.months.get(month, (self.count, self.count, None))
            self.count += delta
            if self.count > peak:
                peak, peak_at = self.count, when
            self.months[month] = (carried, peak, peak_at)
            self.events.append((when, delta, self.count))
            self.last = when

    def close(self, month: Month) -> None:
        if month.ends_at(self.zone) <= self.closed_through:
            return
        if str(month) not in self.months:
            level = self.level_at(month)
            self.months[str(month)] = (level, level, None)
        self.closed_through = month.ends_at(self.zone)

    def level_at(self, month: Month) -> int:
        before = [event for event in self.events if event[0] < month.starts_at(self.zone)]
        return before[-1][2] if before else 0


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
                    live += add(acme, *whens)
                    naive.happen(whens, 1)
                case "remove", (number, when) if live:
                    leaving, live = live[:number], live[number:]
                    remove(leaving, when)
                    naive.happen([when] * len(leaving), -1)
                case "close", number:
                    month = Month(2026, number)
                    freeze_month(month=month, zone=naive.zone)
                    naive.close(month)
        assert events_of(acme) == naive.events
        assert months_of(acme) == naive.months
        assert count_of(acme) == naive.count
        for month in (Month.of_day(date(2026, number, 1)) for number in range(8, 13)):
            (level,) = high_water_marks(month=month, metrics=[Metric.USERS])
            assert (
                level.high_water_mark == naive.months.get(str(month), (0, naive.level_at(month)))[1]
            )
        assert verify_ledger() == []
        transaction.set_rollback(True)
