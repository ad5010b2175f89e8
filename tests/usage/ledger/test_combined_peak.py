"""The peak of all organizations together, and random histories against a naive replay."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.metrics import COUNTED, Metric
from core.months import Month
from tenants.models import Device, ManagedUser, MeteringPolicy, Organization
from tests.usage.counting import add, add_devices, at, remove, set_policy
from usage.explain.combined import explain_combined
from usage.ledger.combined_peak import combined_peak, freeze_combined_peak
from usage.ledger.combined_replay import replay_combined
from usage.ledger.month_freeze import freeze_month
from usage.models import CombinedMonth, UsageEvent

ZONES = ["UTC", "America/Santiago", "Pacific/Kiritimati", "Etc/GMT+12", "Australia/Lord_Howe"]
START = datetime(2026, 9, 25, tzinfo=UTC)
MARCH = Month(2026, 3)
# Few different instants, so that organizations often change at the same one, and many near midnight
# of a month's start in some zone.
instants = st.one_of(
    st.integers(0, 70 * 4).map(lambda quarter: START + timedelta(hours=6 * quarter)),
    st.builds(
        lambda month, hours: datetime(2026, month, 1, tzinfo=UTC) + timedelta(hours=hours),
        st.integers(10, 12),
        st.integers(-15, 15),
    ),
)
Happening = tuple[datetime, int, Metric, int]
steps = st.lists(
    st.tuples(
        instants, st.integers(0, 2), st.sampled_from(COUNTED), st.sampled_from([3, 2, 1, -1, -2])
    ),
    min_size=1,
    max_size=14,
)


@dataclass
class Naive:
    """What happened as (instant, organization, metric, change), and what follows from it."""

    zone: ZoneInfo
    log: list[tuple[datetime, int, Metric, int]] = field(default_factory=list)

    def counts_at(self, until: datetime, metric: Metric) -> dict[int, int]:
        """Each organization's count right after an instant; of several metrics the larger."""
        counts: dict[int, dict[Metric, int]] = defaultdict(lambda: dict.fromkeys(metric.counted, 0))
        for when, organization, counted, change in self.log:
            if when <= until and counted in metric.counted:
                counts[organization][counted] += change
        found = {organization: max(each.values()) for organization, each in counts.items()}
        return {organization: count for organization, count in found.items() if count}

    def month(
        self, month: Month, metric: Metric
    ) -> tuple[int, int, datetime | None, dict[int, int]]:
        """(count carried in, peak, its instant, each organization's count then)."""
        before = month.starts_at(self.zone) - timedelta(microseconds=1)
        carried_in = self.counts_at(before, metric)
        best: tuple[int, datetime | None, dict[int, int]] = (
            sum(carried_in.values()),
            None,
            carried_in,
        )
        for when in sorted({when for when, *_ in self.log}):
            counts = self.counts_at(when, metric)
            if Month.of(when, self.zone) == month and sum(counts.values()) > best[0]:
                best = sum(counts.values()), when, counts
        return sum(carried_in.values()), *best


def happen(
    organizations: list[Organization],
    history: list[Happening],
    naive: Naive,
) -> None:
    """Let it happen in order of time, so that each event is recorded at its instant."""
    there: dict[tuple[int, Metric], list[ManagedUser | Device]] = defaultdict(list)
    for when, number, metric, change in sorted(history, key=lambda step: step[0]):
        organization = organizations[number]
        present = there[number, metric]
        if change > 0:
            adds = add if metric is Metric.USERS else add_devices
            present += adds(organization, *[when] * change)
        elif leaving := [present.pop(0) for _ in range(min(-change, len(present)))]:
            type(leaving[0]).objects.filter(pk__in=[each.pk for each in leaving]).update(
                removed_at=when
            )
        else:
            continue
        moved = change if change > 0 else -len(leaving)
        naive.log.append((when, organization.pk, metric, moved))


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(zone=st.sampled_from(ZONES), history=steps)
def test_random_histories_have_the_peak_of_a_naive_replay(
    policy: MeteringPolicy, zone: str, history: list[Happening]
) -> None:
    with transaction.atomic():
        set_policy(billing_time_zone=zone)
        naive = Naive(ZoneInfo(zone))
        happen([Organization.objects.create(name=name) for name in "CAB"], history, naive)
        for month in (Month(2026, number) for number in (9, 10, 11, 12)):
            for metric in (Metric.USERS, Metric.DEVICES, Metric.GREATER):
                expected = naive.month(month, metric)
                found = combined_peak(month=month, metric=metric)
                counts = {each.organization_id: each.count for each in found.counts}
                assert (
                    found.carried_in, found.high_water_mark, found.peak_at, counts
                ) == expected  # fmt: skip
                assert sum(counts.values()) == found.high_water_mark
                assert replay_combined(month=month, metric=metric) == found
                explained = explain_combined(metric=metric, month=month, zone=naive.zone)
                event = explained.peak.event
                assert explained.carried_in == found.carried_in
                assert explained.high_water_mark == found.high_water_mark
                assert explained.peak.at == (found.peak_at or month.starts_at(naive.zone))
                assert (event and event.event_id) == found.peak_event_id
                highest = [explained.carried_in, *(hour.highest for hour in explained.hours)]
                assert max(highest) == found.high_water_mark
        transaction.set_rollback(True)


@pytest.fixture
def bolt(policy: MeteringPolicy) -> Organization:
    return Organization.objects.create(name="Bolt")


def peak(month: Month = MARCH, metric: Metric = Metric.USERS) -> tuple[int, datetime | None]:
    found = combined_peak(month=month, metric=metric)
    return found.high_water_mark, found.peak_at


def test_users_who_move_at_one_instant_are_counted_once(
    acme: Organization, bolt: Organization
) -> None:
    users = add(acme, *[at("2026-03-02")] * 10)
    add(bolt, *[at("2026-03-03")] * 4)
    # Added there before they are removed here, in the order of the log: the instant is the same.
    add(bolt, *[at("2026-03-10 12:00")] * 3)
    remove(users[:3], at("2026-03-10 12:00"))
    assert peak() == (14, at("2026-03-03"))


def test_a_user_who_is_in_both_for_a_second_is_counted_twice(
    acme: Organization, bolt: Organization
) -> None:
    (user,) = add(acme, at("2026-03-02"))
    add(bolt, at("2026-03-10 12:00"))
    remove([user], at("2026-03-10 12:00") + timedelta(seconds=1))
    assert peak() == (2, at("2026-03-10 12:00"))


def test_seats_are_the_larger_of_users_and_devices_of_each_organization_at_each_instant(
    acme: Organization, bolt: Organization
) -> None:
    users = add(acme, *[at("2026-03-02")] * 5)
    add_devices(acme, *[at("2026-03-03")] * 3)
    remove(users, at("2026-03-04"))
    add_devices(bolt, *[at("2026-03-05")] * 4)
    assert peak(metric=Metric.GREATER) == (7, at("2026-03-05"))
    found = combined_peak(month=MARCH, metric=Metric.GREATER)
    assert [(each.name, each.metric, each.count) for each in found.counts] == [
        ("Acme", Metric.DEVICES, 3),
        ("Bolt", Metric.DEVICES, 4),
    ]


def test_the_addition_that_made_it_is_the_last_one_of_its_instant(
    acme: Organization, bolt: Organization
) -> None:
    add(acme, at("2026-03-02"), at("2026-03-02"))
    add(bolt, at("2026-03-02"), at("2026-03-02"))
    found = combined_peak(month=MARCH, metric=Metric.USERS)
    last = UsageEvent.objects.order_by("-pk")[0]
    assert (found.peak_event_id, found.organization_id) == (last.pk, bolt.pk)
    assert found.subject_name == ManagedUser.objects.get(pk=last.subject_id).email


def test_a_removed_organization_counts_while_it_had_users(
    acme: Organization, bolt: Organization
) -> None:
    users = add(acme, *[at("2026-03-02")] * 5)
    add(bolt, *[at("2026-03-03")] * 2)
    remove(users, at("2026-03-04"))
    Organization.objects.filter(pk=acme.pk).update(removed_at=at("2026-03-05"))
    assert peak() == (7, at("2026-03-03"))
    assert peak(MARCH.next) == (2, None)


def test_an_event_reported_late_counts_at_its_real_instant_unless_the_month_was_billed(
    acme: Organization, bolt: Organization
) -> None:
    add(acme, *[at("2026-03-02")] * 5)
    freeze_month(month=MARCH, zone=ZoneInfo("UTC"))
    stays = add(bolt, *[at("2026-03-10")] * 3)
    remove(stays[:2], at("2026-03-12"))

    assert peak() == (5, at("2026-03-02"))
    late = combined_peak(month=MARCH, metric=Metric.USERS, with_late_usage=True)
    assert (late.high_water_mark, late.peak_at) == (8, at("2026-03-10"))
    # The two who left in March were never there in April, whenever that was reported.
    assert combined_peak(month=MARCH.next, metric=Metric.USERS).high_water_mark == 6


def test_a_billed_month_never_changes(acme: Organization) -> None:
    add(acme, at("2026-03-02"))
    freeze_combined_peak(combined_peak(month=MARCH, metric=Metric.USERS))
    with pytest.raises(Exception, match="never changes"), transaction.atomic():
        CombinedMonth.objects.update(high_water_mark=2)
    with pytest.raises(Exception, match="never changes"), transaction.atomic():
        CombinedMonth.objects.all().delete()


def test_active_users_have_no_peak_of_all_together(policy: MeteringPolicy) -> None:
    with pytest.raises(ValueError, match="not a level"):
        combined_peak(month=MARCH, metric=Metric.ACTIVE_USERS)
