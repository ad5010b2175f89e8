"""Dated stories of an outstanding balance: steps, mails, payments, deferrals, missed days."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from accounts.models import Provider
from billing.choices import Collection
from billing.customer.profile import save_profile
from billing.dunning import status
from billing.dunning.stages import DunningStage
from billing.models import DunningStep, Invoice
from billing.models.payments import WITHDRAWN
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
    standing_at,
    subjects,
)


def steps() -> list[tuple[str, datetime, datetime, datetime | None]]:
    rows = DunningStep.objects.order_by("pk")
    return [(row.step, row.since, row.at, row.ended_at) for row in rows]


def test_from_the_due_date_to_the_suspension_each_step_once(scenario: BillingScenario) -> None:
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


def test_the_rule_needs_no_clockwork(scenario: BillingScenario) -> None:
    scenario.invoice()
    hourly(scenario, NOVEMBER)
    assert standing_at(scenario, DUE_OVER - HOUR) is DunningStage.CURRENT
    assert standing_at(scenario, DUE_OVER) is DunningStage.OUTSTANDING
    assert standing_at(scenario, THIRTY) is DunningStage.THIRTY_DAYS
    assert standing_at(scenario, FORTY_FIVE) is DunningStage.SUSPENDED


def test_days_nobody_worked_are_made_up_for_and_every_notice_is_mailed(
    scenario: BillingScenario,
) -> None:
    scenario.invoice()
    now = FORTY_FIVE + timedelta(days=9)
    assert hourly(scenario, now) == 1
    assert hourly(scenario, now + HOUR) == 0
    assert [(step, since, at) for step, since, at, _ in steps()] == [
        ("outstanding", DUE_OVER, now),
        ("thirty_days", THIRTY, now),
        ("suspended", FORTY_FIVE, now),
    ]
    assert len(mails()) == 3


def test_mails_go_to_the_billing_contacts_in_both_forms_and_say_what_restores(
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
        assert "16 Dec 2026, 00:00:00 UTC+00:00" in text
        assert "/account/billing/" in text


def test_a_failed_charge_is_outstanding_at_once(scenario: BillingScenario) -> None:
    scenario.card("pm_card_chargeCustomerFail")
    invoice = scenario.invoice()
    assert standing_at(scenario, NOVEMBER) is DunningStage.CURRENT
    charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    assert standing_at(scenario, NOVEMBER) is DunningStage.OUTSTANDING
    assert steps() == [("outstanding", NOVEMBER, NOVEMBER, None)]
    assert hourly(scenario, NOVEMBER + HOUR) == 0


def test_a_card_tried_for_an_invoice_by_transfer_makes_it_no_earlier(
    scenario: BillingScenario,
) -> None:
    scenario.card("pm_card_chargeCustomerFail")
    invoice = scenario.invoice(collection=Collection.BY_INVOICE, due_date=date(2026, 12, 1))
    charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    assert standing_at(scenario, THIRTY) is DunningStage.CURRENT
    assert standing_at(scenario, datetime(2026, 12, 2, tzinfo=UTC)) is DunningStage.OUTSTANDING


def test_the_card_pays_and_access_is_back_with_the_same_commit(scenario: BillingScenario) -> None:
    invoice = scenario.invoice()
    hourly(scenario, FORTY_FIVE)
    scenario.card()
    later = FORTY_FIVE + HOUR
    assert standing_at(scenario, later) is DunningStage.SUSPENDED
    charge_invoice(invoice_id=invoice.pk, now=later)
    assert standing_at(scenario, later) is DunningStage.CURRENT
    assert all(ended == later for *_, ended in steps())
    assert subjects()[-1] == "Access to your account is restored"
    assert Provider.objects.get(pk=scenario.provider.pk).outstanding_from is None


def test_paid_by_whatever_way_is_never_still_suspended(scenario: BillingScenario) -> None:
    invoice = scenario.invoice()
    hourly(scenario, FORTY_FIVE)
    pay(invoice, FORTY_FIVE)
    assert standing_at(scenario, FORTY_FIVE) is DunningStage.CURRENT
    hourly(scenario, FORTY_FIVE + HOUR)
    hourly(scenario, FORTY_FIVE + HOUR)
    assert subjects().count("Access to your account is restored") == 1


@pytest.mark.parametrize("field", ["voided_at", "written_off_at"])
def test_a_void_or_written_off_invoice_suspends_nobody(
    scenario: BillingScenario, field: str
) -> None:
    scenario.invoice()
    hourly(scenario, FORTY_FIVE)
    Invoice.objects.update(**{field: FORTY_FIVE})
    assert standing_at(scenario, FORTY_FIVE) is DunningStage.CURRENT


def test_nothing_but_payment_restores(scenario: BillingScenario) -> None:
    invoice = scenario.invoice()
    hourly(scenario, FORTY_FIVE)
    later = FORTY_FIVE + HOUR
    scenario.card("pm_card_chargeCustomerFail")
    charge_invoice(invoice_id=invoice.pk, now=later)
    newer = scenario.invoice(month="2026-11-01", due_date=date(2026, 12, 31))
    pay(newer, later)
    hourly(scenario, later)
    assert standing_at(scenario, later) is DunningStage.SUSPENDED
    assert "Access to your account is restored" not in subjects()


def test_a_part_of_it_restores_nothing_and_the_last_cent_does(scenario: BillingScenario) -> None:
    invoice = scenario.invoice()
    hourly(scenario, FORTY_FIVE)
    pay(invoice, FORTY_FIVE, 32_999)
    assert standing_at(scenario, FORTY_FIVE) is DunningStage.SUSPENDED
    pay(invoice, FORTY_FIVE, 1)
    assert standing_at(scenario, FORTY_FIVE) is DunningStage.CURRENT


def test_of_two_invoices_paying_the_older_opens_and_the_newer_goes_on(
    scenario: BillingScenario,
) -> None:
    older = scenario.invoice()
    scenario.invoice(month="2026-11-01", due_date=date(2026, 12, 1))
    hourly(scenario, FORTY_FIVE)
    pay(older, FORTY_FIVE)
    hourly(scenario, FORTY_FIVE)
    assert standing_at(scenario, FORTY_FIVE) is DunningStage.OUTSTANDING
    assert [step for step, *_, ended in steps() if ended is None] == ["outstanding"]
    assert "$330.00 is still outstanding" in mails()[-1]["text"]

    hourly(scenario, datetime(2026, 12, 31, tzinfo=UTC))
    assert subjects().count("Your account has an outstanding balance") == 1
    assert subjects().count("Your balance has been outstanding for 30 days") == 2


def test_the_database_keeps_a_step_from_being_there_twice(scenario: BillingScenario) -> None:
    scenario.invoice()
    hourly(scenario, DUE_OVER)
    step = DunningStep.objects.get()
    step.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        step.save()


def test_the_account_knows_when_the_card_is_tried_again(scenario: BillingScenario) -> None:
    scenario.card("pm_card_chargeCustomerFail")
    invoice = scenario.invoice()
    charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    provider = Provider.objects.get(pk=scenario.provider.pk)
    (debt,) = status.dunning_status(provider=provider, now=NOVEMBER).debts
    assert debt.charge_failed_at == NOVEMBER
    assert debt.next_attempt_at == NOVEMBER + timedelta(days=1)


def test_a_payment_that_was_withdrawn_did_not_fail(scenario: BillingScenario) -> None:
    scenario.card("pm_card_chargeCustomerFail")
    invoice = scenario.invoice()
    charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    invoice.attempts.update(decline_code=WITHDRAWN)
    assert standing_at(scenario, NOVEMBER) is DunningStage.CURRENT
