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
from tests.billing.conftest import NOVEMBER, Books
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


def test_from_the_due_date_to_the_suspension_each_step_once(books: Books) -> None:
    books.invoice()
    now = NOVEMBER
    while now < FORTY_FIVE + timedelta(days=3):
        hourly(books, now)
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


def test_the_rule_needs_no_clockwork(books: Books) -> None:
    books.invoice()
    hourly(books, NOVEMBER)
    assert standing_at(books, DUE_OVER - HOUR) is DunningStage.CURRENT
    assert standing_at(books, DUE_OVER) is DunningStage.OUTSTANDING
    assert standing_at(books, THIRTY) is DunningStage.THIRTY_DAYS
    assert standing_at(books, FORTY_FIVE) is DunningStage.SUSPENDED


def test_days_nobody_worked_are_made_up_for_and_every_notice_is_mailed(books: Books) -> None:
    books.invoice()
    now = FORTY_FIVE + timedelta(days=9)
    assert hourly(books, now) == 1
    assert hourly(books, now + HOUR) == 0
    assert [(step, since, at) for step, since, at, _ in steps()] == [
        ("outstanding", DUE_OVER, now),
        ("thirty_days", THIRTY, now),
        ("suspended", FORTY_FIVE, now),
    ]
    assert len(mails()) == 3


def test_mails_go_to_the_billing_contacts_in_both_forms_and_say_what_restores(books: Books) -> None:
    invoice = books.invoice()
    save_profile(
        provider=books.provider,
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
    hourly(books, FORTY_FIVE)
    mail = mails()[-1]
    assert mail["to"] == ["a@north.example", "b@north.example"]
    for text in (mail["text"], mail["html"]):
        assert f"{invoice.number} ($330.00)" in text
        assert "16 Dec 2026, 00:00:00 UTC+00:00" in text
        assert "/account/billing/" in text


def test_a_failed_charge_is_outstanding_at_once(books: Books) -> None:
    books.card("pm_card_chargeCustomerFail")
    invoice = books.invoice()
    assert standing_at(books, NOVEMBER) is DunningStage.CURRENT
    charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    assert standing_at(books, NOVEMBER) is DunningStage.OUTSTANDING
    assert steps() == [("outstanding", NOVEMBER, NOVEMBER, None)]
    assert hourly(books, NOVEMBER + HOUR) == 0


def test_a_card_tried_for_an_invoice_by_transfer_makes_it_no_earlier(books: Books) -> None:
    books.card("pm_card_chargeCustomerFail")
    invoice = books.invoice(collection=Collection.BY_INVOICE, due_date=date(2026, 12, 1))
    charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    assert standing_at(books, THIRTY) is DunningStage.CURRENT
    assert standing_at(books, datetime(2026, 12, 2, tzinfo=UTC)) is DunningStage.OUTSTANDING


def test_the_card_pays_and_access_is_back_with_the_same_commit(books: Books) -> None:
    invoice = books.invoice()
    hourly(books, FORTY_FIVE)
    books.card()
    later = FORTY_FIVE + HOUR
    assert standing_at(books, later) is DunningStage.SUSPENDED
    charge_invoice(invoice_id=invoice.pk, now=later)
    assert standing_at(books, later) is DunningStage.CURRENT
    assert all(ended == later for *_, ended in steps())
    assert subjects()[-1] == "Access to your account is restored"
    assert Provider.objects.get(pk=books.provider.pk).outstanding_from is None


def test_paid_by_whatever_way_is_never_still_suspended(books: Books) -> None:
    invoice = books.invoice()
    hourly(books, FORTY_FIVE)
    pay(invoice, FORTY_FIVE)
    assert standing_at(books, FORTY_FIVE) is DunningStage.CURRENT
    hourly(books, FORTY_FIVE + HOUR)
    hourly(books, FORTY_FIVE + HOUR)
    assert subjects().count("Access to your account is restored") == 1


@pytest.mark.parametrize("field", ["voided_at", "written_off_at"])
def test_a_void_or_written_off_invoice_suspends_nobody(books: Books, field: str) -> None:
    books.invoice()
    hourly(books, FORTY_FIVE)
    Invoice.objects.update(**{field: FORTY_FIVE})
    assert standing_at(books, FORTY_FIVE) is DunningStage.CURRENT


def test_nothing_but_payment_restores(books: Books) -> None:
    invoice = books.invoice()
    hourly(books, FORTY_FIVE)
    later = FORTY_FIVE + HOUR
    books.card("pm_card_chargeCustomerFail")
    charge_invoice(invoice_id=invoice.pk, now=later)
    newer = books.invoice(month="2026-11-01", due_date=date(2026, 12, 31))
    pay(newer, later)
    hourly(books, later)
    assert standing_at(books, later) is DunningStage.SUSPENDED
    assert "Access to your account is restored" not in subjects()


def test_a_part_of_it_restores_nothing_and_the_last_cent_does(books: Books) -> None:
    invoice = books.invoice()
    hourly(books, FORTY_FIVE)
    pay(invoice, FORTY_FIVE, 32_999)
    assert standing_at(books, FORTY_FIVE) is DunningStage.SUSPENDED
    pay(invoice, FORTY_FIVE, 1)
    assert standing_at(books, FORTY_FIVE) is DunningStage.CURRENT


def test_of_two_invoices_paying_the_older_opens_and_the_newer_goes_on(books: Books) -> None:
    older = books.invoice()
    books.invoice(month="2026-11-01", due_date=date(2026, 12, 1))
    hourly(books, FORTY_FIVE)
    pay(older, FORTY_FIVE)
    hourly(books, FORTY_FIVE)
    assert standing_at(books, FORTY_FIVE) is DunningStage.OUTSTANDING
    assert [step for step, *_, ended in steps() if ended is None] == ["outstanding"]
    assert "$330.00 is still outstanding" in mails()[-1]["text"]

    hourly(books, datetime(2026, 12, 31, tzinfo=UTC))
    assert subjects().count("Your account has an outstanding balance") == 1
    assert subjects().count("Your balance has been outstanding for 30 days") == 2


def test_the_database_keeps_a_step_from_being_there_twice(books: Books) -> None:
    books.invoice()
    hourly(books, DUE_OVER)
    step = DunningStep.objects.get()
    step.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        step.save()


def test_the_account_knows_when_the_card_is_tried_again(books: Books) -> None:
    books.card("pm_card_chargeCustomerFail")
    invoice = books.invoice()
    charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    provider = Provider.objects.get(pk=books.provider.pk)
    (debt,) = status.dunning_status(provider=provider, now=NOVEMBER).debts
    assert debt.charge_failed_at == NOVEMBER
    assert debt.next_attempt_at == NOVEMBER + timedelta(days=1)


def test_a_payment_that_was_withdrawn_did_not_fail(books: Books) -> None:
    books.card("pm_card_chargeCustomerFail")
    invoice = books.invoice()
    charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    invoice.attempts.update(decline_code=WITHDRAWN)
    assert standing_at(books, NOVEMBER) is DunningStage.CURRENT
