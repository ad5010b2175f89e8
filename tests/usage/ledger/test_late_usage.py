"""Usage reported late: its real instant is recorded, and affected months are restated."""

from zoneinfo import ZoneInfo

import pytest
from django.db.models import Q

from core.metrics import Metric
from core.months import Month
from core.schema import provider_schema
from tests.usage.counting import add, add_devices, at, months_of, remove, set_policy
from usage.ledger.late_usage import (
    late_usage_events,
    ledger_state,
    missing_usage,
    restated_months,
)
from usage.ledger.month_freeze import freeze_month
from usage.ledger.replay import replay_month
from usage.ledger.verify import verify_ledger
from usage.models import UsageEvent

OCTOBER, UTC = Month(2026, 10), ZoneInfo("UTC")


def claims():
    return list(UsageEvent.objects.order_by("id").values_list("at", "effective_at"))


def test_a_claim_is_kept_of_each_report_out_of_order(acme):
    add(acme, at("2026-10-10"))
    add(acme, at("2026-10-05"))
    freeze_month(month=OCTOBER, zone=UTC)
    users = add(acme, at("2026-10-31 23:59"), at("2026-11-01"))
    add_devices(acme, at("2026-09-09"))
    remove(users[:1], at("2026-11-01"))

    assert claims() == [
        (at("2026-10-10"), None),
        (at("2026-10-10"), at("2026-10-05")),
        (at("2026-11-01"), at("2026-10-31 23:59")),
        (at("2026-11-01"), None),
        (at("2026-11-01"), at("2026-09-09")),
        (at("2026-11-01"), None),
    ]
    assert verify_ledger() == []


def test_an_open_month_has_the_peak_of_the_real_instants(acme):
    """One is there from the 2nd to the 6th, another from the 11th on: never more than one."""
    (first,) = add(acme, at("2026-10-02"))
    add(acme, at("2026-10-11"))
    remove([first], at("2026-10-06"))

    assert months_of(acme)["2026-10"] == (0, 1, at("2026-10-02"))
    assert verify_ledger() == []


def test_a_report_out_of_order_in_an_open_month_is_not_late(acme):
    add(acme, at("2026-10-11"))
    add(acme, at("2026-10-02"))
    assert (late_usage_events(), ledger_state().has_late) == ([], False)

    freeze_month(month=OCTOBER, zone=UTC)
    assert (late_usage_events(), ledger_state().has_late) == ([], False)

    add(acme, at("2026-10-03"))
    assert ledger_state().has_late
    (late,) = late_usage_events()
    assert late.effective_at == at("2026-10-03")


def test_a_stay_reported_late_raises_the_peak_of_an_open_month(acme):
    """Two at once from the 6th to the 21st, reported in another order."""
    (first,) = add(acme, at("2026-10-01"))
    remove([first], at("2026-10-21"))
    assert months_of(acme)["2026-10"] == (0, 1, at("2026-10-01"))

    add(acme, at("2026-10-06"))

    assert months_of(acme)["2026-10"] == (0, 2, at("2026-10-06"))
    assert verify_ledger() == []


def test_a_removal_reported_late_lowers_the_open_month(acme):
    users = add(acme, *[at("2026-09-05")] * 5)
    freeze_month(month=Month(2026, 9), zone=UTC)
    remove(users[:2], at("2026-09-20"))

    assert months_of(acme)["2026-09"][:2] == (0, 5)
    assert months_of(acme)["2026-10"] == (3, 3, None)
    assert corrected() == {("2026-09", "users"): (5, at("2026-09-05"))}
    assert verify_ledger() == []


def test_the_order_of_real_instants_is_that_of_the_billing_zone(acme):
    set_policy(billing_time_zone="Pacific/Kiritimati")
    (user,) = add(acme, at("2026-10-31 09:00"))
    add(acme, at("2026-10-31 11:00"))
    remove([user], at("2026-10-31 09:30"))

    assert {month: row[1] for month, row in months_of(acme).items()} == {"2026-10": 1, "2026-11": 1}


def test_a_removal_never_precedes_the_addition(acme):
    users = add(acme, at("2026-10-10"))
    freeze_month(month=OCTOBER, zone=UTC)
    remove(users, at("2026-09-01"))

    (late,) = late_usage_events()
    assert (late.delta, late.effective_at) == (-1, at("2026-10-10"))


@pytest.fixture
def october(acme):
    """Three users since September; one left on the 8th. In November more changes are reported."""
    users = add(acme, at("2026-09-03"), at("2026-09-04"), at("2026-09-05"))
    remove(users[:1], at("2026-10-08"))
    freeze_month(month=OCTOBER, zone=UTC)
    return acme


def corrected():
    return {
        (str(each.month), each.metric.value): (each.high_water_mark, each.peak_at)
        for each in restated_months()
    }


def test_an_addition_before_the_peak_raises_it_and_one_after_may_not(october):
    add(october, at("2026-10-20"))
    assert corrected()["2026-10", "users"] == (3, None)

    add(october, at("2026-10-02"))
    assert corrected()["2026-10", "users"] == (4, at("2026-10-02"))


def test_late_usage_is_missing_in_every_month_until_it_was_recorded(october):
    freeze_month(month=OCTOBER.next, zone=UTC)
    add(october, at("2026-09-30"))

    assert corrected() == {
        ("2026-09", "users"): (4, at("2026-09-30")),
        ("2026-10", "users"): (4, None),
        ("2026-11", "users"): (3, None),
    }
    missing = missing_usage(
        organization_id=october.pk, metric=Metric.USERS, month=OCTOBER.next, zone=UTC
    )
    assert (missing.high_water_mark, len(missing.changes)) == (3, 1)
    for month in (Month(2026, 8), Month(2026, 12)):
        assert (
            missing_usage(organization_id=october.pk, metric=Metric.USERS, month=month, zone=UTC)
            is None
        )


def test_the_naive_replay_says_the_same(october):
    add(october, at("2026-10-02"), at("2026-10-20"))
    add_devices(october, at("2026-10-12"))
    users = add(october, at("2026-10-25"))
    remove(users, at("2026-10-28"))

    for each in restated_months():
        naive = replay_month(month=each.month)[each.organization_id, each.metric]
        assert (naive.high_water_mark, naive.peak_event_id, naive.peak_at) == (
            each.high_water_mark,
            each.peak_event_id,
            each.peak_at,
        )


def test_the_page_of_the_month_lists_late_usage(north, bakery, as_rita, on_20_march):
    with provider_schema(north):
        organization = bakery
        add(organization, at("2026-02-03"))
        freeze_month(month=Month(2026, 2), zone=north.billing_zone())
        add(organization, at("2026-02-10"))
        assert UsageEvent.objects.filter(~Q(effective_at=None)).count() == 1

    page = as_rita.get(f"/account/usage/{organization.pk}/why/2026-02/").content.decode()

    assert "1 change of this month came too late to be counted in it" in page
    assert "would have had 2 users: the difference is a line of the next invoice" in page
    assert "10 Feb 2026" in page
    assert (
        "Reported late"
        not in as_rita.get(f"/account/usage/{organization.pk}/why/2026-03/").content.decode()
    )
