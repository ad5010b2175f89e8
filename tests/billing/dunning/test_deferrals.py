"""Deferrals of a suspension by operations."""

from datetime import UTC, date, datetime

import pytest

from accounts.models import Provider
from billing.dunning.deferrals import DeferralRefused, defer_suspension, withdraw_deferral
from billing.dunning.stages import DunningStage
from billing.models import SuspensionDeferral
from tenants.models import AuditEntry
from tests.billing.conftest import NOVEMBER, BillingScenario
from tests.billing.unpaid_invoices import FORTY_FIVE, HOUR, STAFF, hourly, stage_at, subjects


def test_a_deferral_lifts_the_suspension_until_it_ends(scenario: BillingScenario) -> None:
    scenario.invoice()
    hourly(scenario, FORTY_FIVE)
    defer_suspension(
        provider=scenario.provider,
        reason="The bank confirms a transfer.",
        last_day=date(2026, 12, 20),
        actor=STAFF,
        now=FORTY_FIVE + HOUR,
    )
    assert stage_at(scenario, FORTY_FIVE + HOUR) is DunningStage.THIRTY_DAYS
    assert subjects()[-1] == "Access to your account is restored"
    end = datetime(2026, 12, 21, tzinfo=UTC)
    assert stage_at(scenario, end - HOUR) is DunningStage.THIRTY_DAYS
    assert stage_at(scenario, end) is DunningStage.SUSPENDED
    hourly(scenario, end)
    assert subjects().count("Your account is suspended") == 2
    entry = AuditEntry.objects.get(action="suspension.deferred")
    assert (entry.actor_name, entry.after["reason"]) == ("Stella", "The bank confirms a transfer.")


def test_a_deferral_ends_with_its_last_day_in_the_billing_zone(scenario: BillingScenario) -> None:
    Provider.objects.filter(pk=scenario.provider.pk).update(billing_time_zone="America/Denver")
    scenario.provider.refresh_from_db()
    scenario.invoice()
    hourly(scenario, NOVEMBER)
    defer_suspension(
        provider=scenario.provider,
        reason="x",
        last_day=date(2026, 12, 20),
        actor=STAFF,
        now=NOVEMBER,
    )
    end = datetime(2026, 12, 21, 7, tzinfo=UTC)
    assert stage_at(scenario, end - HOUR) is DunningStage.THIRTY_DAYS
    assert stage_at(scenario, end) is DunningStage.SUSPENDED


def test_a_withdrawn_deferral_has_no_effect(scenario: BillingScenario) -> None:
    scenario.invoice()
    hourly(scenario, NOVEMBER)
    deferral = defer_suspension(
        provider=scenario.provider, reason="x", last_day=date(2027, 1, 1), actor=STAFF, now=NOVEMBER
    )
    assert stage_at(scenario, FORTY_FIVE) is DunningStage.THIRTY_DAYS
    assert withdraw_deferral(deferral=deferral, actor=STAFF, now=FORTY_FIVE)
    assert not withdraw_deferral(deferral=deferral, actor=STAFF, now=FORTY_FIVE)
    assert stage_at(scenario, FORTY_FIVE) is DunningStage.SUSPENDED
    assert AuditEntry.objects.filter(action="suspension.deferral_withdrawn").count() == 1


@pytest.mark.parametrize(("reason", "day"), [(" ", date(2026, 12, 1)), ("x", date(2026, 10, 31))])
def test_a_deferral_without_a_reason_or_for_a_past_day_is_refused(
    scenario: BillingScenario, reason: str, day: date
) -> None:
    with pytest.raises(DeferralRefused):
        defer_suspension(
            provider=scenario.provider, reason=reason, last_day=day, actor=STAFF, now=NOVEMBER
        )
    assert not SuspensionDeferral.objects.exists()
