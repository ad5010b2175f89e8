"""Months read as sets: also those in which nothing happened."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.metrics import Metric
from core.months import Month
from tenants.models import MeteringPolicy, Organization
from tests.usage.counting import add, add_devices, at, remove
from usage.ledger.month_peaks import high_water_marks, organizations_with_usage
from usage.models import UsageEvent


@pytest.fixture
def story(acme: Organization) -> Organization:
    """October: up to 30. November: nothing. December: down to 20, up to 25. Then nothing."""
    users = add(acme, *[at("2026-10-10")] * 30)
    remove(users[:10], at("2026-12-05"))
    add(acme, *[at("2026-12-10")] * 5)
    add_devices(acme, at("2026-12-11"))
    return acme


LEVELS = {
    "2026-09": (0, 0),
    "2026-10": (0, 30),
    "2026-11": (30, 30),
    "2026-12": (30, 30),
    "2027-01": (25, 25),
    "2027-02": (25, 25),
}


@pytest.mark.parametrize("text", LEVELS)
def test_levels_and_peaks_of_any_month(story: Organization, text: str) -> None:
    (level,) = high_water_marks(month=Month.parse(text), metrics=[Metric.USERS])
    assert (level.carried_in, level.high_water_mark) == LEVELS[text]
    assert level.organization_id == story.pk
    organization = organizations_with_usage(month=Month.parse(text)).get()
    assert organization.this_month_hwm == LEVELS[text][1]
    assert organization.users == 25
    assert organization.devices == 1
    after = organizations_with_usage(month=Month.parse(text).next).get()
    assert after.last_month_hwm == LEVELS[text][1]


def test_the_peak_comes_with_its_event_and_a_carried_one_without(story: Organization) -> None:
    (october,) = high_water_marks(month=Month(2026, 10), metrics=[Metric.USERS])
    event = UsageEvent.objects.get(pk=october.peak_event_id)
    assert (october.peak_at, event.count_after) == (at("2026-10-10"), 30)
    (december,) = high_water_marks(month=Month(2026, 12), metrics=[Metric.USERS])
    assert (december.peak_at, december.peak_event_id) == (None, None)


def test_both_metrics_of_all_organizations_in_one_statement(story: Organization) -> None:
    Organization.objects.create(name="Zenith", removed_at=at("2026-12-01"))
    with CaptureQueriesContext(
        connection,
    ) as queries:
        levels = high_water_marks(month=Month(2026, 12))
    assert len([q for q in queries if not q["sql"].startswith("SET search_path")]) == 1
    assert [(level.metric, level.high_water_mark) for level in levels] == [
        (Metric.DEVICES, 1), (Metric.USERS, 30), (Metric.DEVICES, 0), (Metric.USERS, 0)
    ]  # fmt: skip


def test_the_page_can_filter_and_order_by_every_figure(
    policy: MeteringPolicy, story: Organization
) -> None:
    for number in range(1, 4):
        add(Organization.objects.create(name=f"Org {number}"), *[at("2026-12-20")] * number)
    Organization.objects.create(name="Gone", removed_at=at("2026-12-01"))
    rows = organizations_with_usage(month=Month(2026, 12))
    assert list(rows.order_by("-this_month_hwm").values_list("name", flat=True)) == [
        "Acme", "Org 3", "Org 2", "Org 1"
    ]  # fmt: skip
    assert rows.filter(users__gte=2, name__startswith="Org").count() == 2
    assert rows.filter(last_month_hwm=30).get() == story
    assert rows.filter(this_month_devices_hwm=1, last_month_devices_hwm=0).get() == story
