"""Random months explained, against a naive replay; `make prove-counting` has the full size.

The sequences keep to what explaining is about: where months begin and end, levels reached twice,
additions and removals at one instant, and events moved to a month's start by its close.
"""

from datetime import UTC, datetime, timedelta
from importlib.resources import files
from zoneinfo import ZoneInfo

from django.db import transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.metrics import Metric
from core.months import Month
from tenants.models import ManagedUser, MeteringPolicy, Organization
from tests.usage.counting import add, new_user, remove, set_policy
from tests.usage.naive import Naive, explained
from usage.explain.counted_at_peak import counted_at_peak
from usage.explain.peaks import explain_month
from usage.ledger.month_freeze import freeze_month
from usage.models import MonthlyUsage

# Of 2025, whose rules no table disputes any more. Berlin and New York change clocks in autumn,
# Santiago at a midnight; the others are the farthest from UTC there are.
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Santiago",
    "Pacific/Kiritimati",
    "Etc/GMT+12",
    "Australia/Lord_Howe",
]
MONTHS = [Month(2025, number) for number in range(9, 13)]
START = datetime(2025, 9, 20, tzinfo=UTC)
AROUND = (-1, 0, 1)
# Five hours behind UTC, all year.
ZONE_FILE = files("tzdata.zoneinfo.Etc") / "GMT+5"


def boundary(zone: str, number: int, seconds: int) -> datetime:
    """An instant so many seconds from where a month begins in the zone."""
    return Month(2025, number).starts_at(ZoneInfo(zone)) + timedelta(seconds=seconds)


def sequences(zone: str) -> st.SearchStrategy[list[tuple]]:
    """Steps with instants exactly at, a second beside, or anywhere around the zone's boundaries."""
    instants = st.one_of(
        st.builds(boundary, st.just(zone), st.integers(9, 12), st.sampled_from(AROUND)),
        st.builds(boundary, st.just(zone), st.integers(9, 12), st.integers(-7200, 7200)),
        st.integers(0, 90 * 24).map(lambda hours: START + timedelta(hours=hours)),
    )
    additions = st.tuples(st.just("add"), st.lists(instants, min_size=1, max_size=4))
    removals = st.tuples(st.just("remove"), st.tuples(st.integers(1, 3), instants))
    # One leaves and one comes in the same second: what reaches a peak twice.
    swaps = st.tuples(st.just("swap"), instants)
    closes = st.tuples(st.just("close"), st.integers(9, 12))
    return st.lists(st.one_of(additions, removals, swaps, closes), min_size=1, max_size=12)


def play(step: tuple, acme: Organization, naive: Naive, live: list[ManagedUser]) -> None:
    def come(*whens: datetime) -> None:
        users = ManagedUser.objects.bulk_create([new_user(acme, when) for when in whens])
        naive.happen([(user.added_at, user.pk) for user in users], 1)
        live.extend(users)

    def go(number: int, when: datetime) -> None:
        leaving = live[:number]
        del live[:number]
        remove(leaving, when)
        naive.happen([(when, user.pk) for user in leaving], -1)

    match step:
        case "add", whens:
            come(*whens)
        case "remove", (number, when):
            go(number, when)
        case "swap", when:
            go(1, when)
            come(when)
        case "close", number:
            freeze_month(month=Month(2025, number), zone=naive.zone)
            naive.close(Month(2025, number))


BERLIN_NIGHT = [
    ("add", [boundary("Europe/Berlin", 10, -1)] * 3),
    ("swap", datetime(2025, 10, 26, 0, 30, tzinfo=UTC)),
    ("swap", datetime(2025, 10, 26, 1, 30, tzinfo=UTC)),
    ("swap", datetime(2025, 10, 27, 1, 30, tzinfo=UTC)),
    ("remove", (3, boundary("Europe/Berlin", 11, 0))),
]


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(case=st.sampled_from(ZONES).flatmap(lambda zone: st.tuples(st.just(zone), sequences(zone))))
@example(case=("Europe/Berlin", BERLIN_NIGHT))
def test_any_month_is_explained_like_a_naive_replay(
    policy: MeteringPolicy, case: tuple[str, list[tuple]]
) -> None:
    zone, steps = case
    with transaction.atomic():
        set_policy(billing_time_zone=zone)
        acme, naive = Organization.objects.create(name="Acme"), Naive(ZoneInfo(zone))
        # Another organization in the same log: nothing of it may appear here.
        add(Organization.objects.create(name="Other"), START, boundary(zone, 10, 0))
        live: list[ManagedUser] = []
        for step in steps:
            play(step, acme, naive, live)
        marks = dict(
            MonthlyUsage.objects.filter(organization=acme, metric=Metric.USERS).values_list(
                "month", "high_water_mark"
            )
        )
        for month in MONTHS:
            explanation = explain_month(
                organization_id=acme.pk, metric=Metric.USERS, month=month, zone=naive.zone
            )
            assert explained(explanation) == naive.explanation(month)
            if month.first_day in marks:
                assert explanation.high_water_mark == marks[month.first_day]
        transaction.set_rollback(True)


def test_the_database_decides_in_which_month_an_event_lies(policy: MeteringPolicy) -> None:
    """A process with other rules of the same zone, as before an update, tells what is billed."""
    with ZONE_FILE.open("rb") as rules:
        other_utc = ZoneInfo.from_file(rules, key="UTC")
    acme = Organization.objects.create(name="Acme")
    september, october = Month(2025, 9), Month(2025, 10)
    add(acme, datetime(2025, 9, 30, 23, 59, 59, tzinfo=UTC), datetime(2025, 10, 1, 1, tzinfo=UTC))
    for month, level in ((september, 1), (october, 2), (october.next, 2)):
        explanation = explain_month(
            organization_id=acme.pk, metric=Metric.USERS, month=month, zone=other_utc
        )
        assert explanation.high_water_mark == level
        assert len(counted_at_peak(explanation=explanation)[0]) == level
        assert set(explanation.days) <= set(month.days)
