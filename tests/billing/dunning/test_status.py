"""Dunning over dated weeks: steps, mails, payments, missed days."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from accounts.models import Provider
from billing.choices import Collection
from billing.customer.profile import save_profile
from billing.decline_reasons import WITHDRAWN
from billing.dunning import status
from billing.dunning.stages import DunningStage
from billing.models import DunningStep, Invoice
from billing.payments.charging import charge_invoice
from tests.billing.conftest import NOVEMBER, BillingScenario
from tests.billing.unpaid_invoices import (
    DUE_OVER,
    FORTY_FIVE,
    HOUR,
    STAFF,
    THIRTY,
    hourly,
    mails,
    pay,
    stage_at,
    subjects,
)


def steps() -> list[tuple[str, datetime, datetime, datetime | None]]:
    rows = DunningStep.objects.order_by("pk")
    return [(row.step, row.since, row.at, row.ended_at) for row in rows]


def test_each_step_is_recorded_and_mailed_once_until_the_suspension(
    scenario: BillingScenario,
) -> None:
    scenario.invoice()
    now = NOVEMBER
    while now < FORTY_FIVE + timedelta(days=3):
        hourly(scenario, now)
        now += timedelta(hours=6)

    assert [step for step, *_ in steps()] == ["outstanding", "thirty_days", "suspended"]
    for (_, since, at, ended), begins in zip(steps(), (DUE_OVER, THIRTY, FORTY_FIVE), strict=True):
        assert since == begins
        assert timedelta(0) <= at - begins < timedelta(hours=6)
        assert ended is None
    assert subjects() == [
        "Your account has an outstanding balance",
        "Your balance has been outstanding for 30 days",
        "Your account is suspended",
    ]


def test_the_stage_follows_the_clock_without_an_hourly_update(scenario: BillingScenario) -> None:
    scenario.invoice()
    hourly(scenario, NOVEMBER)
    assert stage_at(scenario, DUE_OVER - HOUR) is DunningStage.CURRENT
    assert stage_at(scenario, DUE_OVER) is DunningStage.OUTSTANDING
    assert stage_at(scenario, THIRTY) is DunningStage.THIRTY_DAYS
    assert stage_at(scenario, FORTY_FIVE) is DunningStage.SUSPENDED


def test_missed_days_are_recorded_and_mailed_later(
    scenario: BillingScenario,
) -> None:
    scenario.invoice()
    now = FORTY_FIVE + timedelta(days=9)
    assert hourly(scenario, now)
    assert not hourly(scenario, now + HOUR)
    assert [(step, since, at) for step, since, at, _ in steps()] == [
        ("outstanding", DUE_OVER, now),
        ("thirty_days", THIRTY, now),
        ("suspended", FORTY_FIVE, now),
    ]
    assert len(mails()) == 3


def test_mails_go_to_the_billing_contacts_as_html_and_text(
    scenario: BillingScenario,
) -> None:
    invoice = scenario.invoice()
    save_profile(
        provider=scenario.provider,
        changes={
            "legal_name": "North GmbH",
            "address_lines": ["1 Street"],
            "country": "DE",
            "tax_id": "",
            "purchase_order": "",
            "contact_emails": ["a@north.example", "b@north.example"],
        },
        actor=STAFF,
        now=NOVEMBER,
    )
    hourly(scenario, FORTY_FIVE)
    mail = mails()[-1]
    assert mail["to"] == ["a@north.example", "b@north.example"]
    for text in (mail["text"], mail["html"]):
        assert f"{invoice.number} ($330.00)" in text
        assert "16 December 2026" in text
        assert "/account/billing/" in text


def test_a_failed_charge_is_outstanding_at_once(scenario: BillingScenario) -> None:
    scenario.card("pm_card_chargeCustomerFail")
    invoice = scenario.invoice()
    assert stage_at(scenario, NOVEMBER) is DunningStage.CURRENT
    charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    assert stage_at(scenario, NOVEMBER) is DunningStage.OUTSTANDING
    assert steps() == [("outstanding", NOVEMBER, NOVEMBER, None)]
    assert not hourly(scenario, NOVEMBER + HOUR)


def test_a_card_tried_for_an_invoice_by_transfer_makes_it_no_earlier(
    scenario: BillingScenario,
) -> None:
    scenario.card("pm_card_chargeCustomerFail")
    invoice = scenario.invoice(collection=Collection.BY_INVOICE, due_date=date(2026, 12, 1))
    charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    assert stage_at(scenario, THIRTY) is DunningStage.CURRENT
    assert stage_at(scenario, datetime(2026, 12, 2, tzinfo=UTC)) is DunningStage.OUTSTANDING


def test_a_charge_restores_access_with_its_own_commit(scenario: BillingScenario) -> None:
    invoice = scenario.invoice()
    hourly(scenario, FORTY_FIVE)
    scenario.card()
    later = FORTY_FIVE + HOUR
    assert stage_at(scenario, later) is DunningStage.SUSPENDED
    charge_invoice(invoice_id=invoice.pk, now=later)
    assert stage_at(scenario, later) is DunningStage.CURRENT
    assert all(ended == later for *_, ended in steps())
    assert subjects()[-1] == "Access to your account is restored"
    assert Provider.objects.get(pk=scenario.provider.pk).outstanding_from is None


def test_any_recorded_payment_restores_access_and_is_mailed_once(scenario: BillingScenario) -> None:
    invoice = scenario.invoice()
    hourly(scenario, FORTY_FIVE)
    pay(invoice, FORTY_FIVE)
    assert stage_at(scenario, FORTY_FIVE) is DunningStage.CURRENT
    hourly(scenario, FORTY_FIVE + HOUR)
    hourly(scenario, FORTY_FIVE + HOUR)
    assert subjects().count("Access to your account is restored") == 1


@pytest.mark.parametrize("field", ["voided_at", "written_off_at"])
def test_a_void_or_written_off_invoice_does_not_suspend_the_provider(
    scenario: BillingScenario, field: str
) -> None:
    scenario.invoice()
    hourly(scenario, FORTY_FIVE)
    Invoice.objects.update(**{field: FORTY_FIVE})
    assert stage_at(scenario, FORTY_FIVE) is DunningStage.CURRENT


def test_a_new_card_or_another_payment_does_not_restore_access(scenario: BillingScenario) -> None:
    invoice = scenario.invoice()
    hourly(scenario, FORTY_FIVE)
    later = FORTY_FIVE + HOUR
    scenario.card("pm_card_chargeCustomerFail")
    charge_invoice(invoice_id=invoice.pk, now=later)
    newer = scenario.invoice(month="2026-11-01", due_date=date(2026, 12, 31))
    pay(newer, later)
    hourly(scenario, later)
    assert stage_at(scenario, later) is DunningStage.SUSPENDED
    assert "Access to your account is restored" not in subjects()


def test_access_is_restored_once_the_rest_is_too_small_for_a_card(
    scenario: BillingScenario,
) -> None:
    invoice = scenario.invoice()
    hourly(scenario, FORTY_FIVE)
    pay(invoice, FORTY_FIVE, 32_950)
    assert stage_at(scenario, FORTY_FIVE) is DunningStage.SUSPENDED
    pay(invoice, FORTY_FIVE, 1)
    assert stage_at(scenario, FORTY_FIVE) is DunningStage.CURRENT


def test_paying_the_older_of_two_invoices_restores_access_and_keeps_the_newer_one(
    scenario: BillingScenario,
) -> None:
    older = scenario.invoice()
    scenario.invoice(month="2026-11-01", due_date=date(2026, 12, 1))
    hourly(scenario, FORTY_FIVE)
    pay(older, FORTY_FIVE)
    hourly(scenario, FORTY_FIVE)
    assert stage_at(scenario, FORTY_FIVE) is DunningStage.OUTSTANDING
    assert [step for step, *_, ended in steps() if ended is None] == ["outstanding"]
    assert "$330.00 is still outstanding" in mails()[-1]["text"]

    hourly(scenario, datetime(2026, 12, 31, tzinfo=UTC))
    assert subjects().count("Your account has an outstanding balance") == 1
    assert subjects().count("Your balance has been outstanding for 30 days") == 2


def test_the_database_refuses_a_second_open_step(scenario: BillingScenario) -> None:
    scenario.invoice()
    hourly(scenario, DUE_OVER)
    step = DunningStep.objects.get()
    step.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        step.save()


def test_a_debt_has_the_instant_of_the_next_attempt(scenario: BillingScenario) -> None:
    scenario.card("pm_card_chargeCustomerFail")
    invoice = scenario.invoice()
    charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    provider = Provider.objects.get(pk=scenario.provider.pk)
    (debt,) = status.dunning_status(provider=provider, now=NOVEMBER).debts
    assert debt.charge_failed_at == NOVEMBER
    assert debt.next_attempt_at == NOVEMBER + timedelta(days=1)


def test_a_withdrawn_payment_is_not_a_failed_charge(scenario: BillingScenario) -> None:
    scenario.card("pm_card_chargeCustomerFail")
    invoice = scenario.invoice()
    charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    invoice.attempts.update(decline_code=WITHDRAWN)
    assert stage_at(scenario, NOVEMBER) is DunningStage.CURRENT
