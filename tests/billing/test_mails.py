"""Every mail of billing: text and HTML, no unfilled value, links to existing pages.

The kinds of mails are read from the folder of templates: a mail without a test here fails.
"""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test.signals import template_rendered
from django.urls import Resolver404, resolve

from billing.choices import LineKind
from billing.contracts.offers import Offer
from billing.corrections.credits import credit_amount
from billing.corrections.line_disputes import decline_dispute, open_dispute
from billing.corrections.mails import queue_refund_failed_mail
from billing.documents.store import render_documents
from billing.gateway import client as gateway
from billing.leaving.departures import cancel_departure, finish_departure, set_leave_date
from billing.models import (
    AgreementAcceptance,
    ChargeAttempt,
    Chargeback,
    Contract,
    Invoice,
    InvoiceLine,
    PaymentMethod,
    Refund,
)
from billing.payments import charging
from billing.payments.agreement_mail import queue_agreement_mail
from billing.payments.mails import (
    queue_charge_failed_mail,
    queue_chargeback_mails,
    queue_invoice_mail,
    queue_receipt_mail,
)
from billing.payments.withdrawn_cards import follow_card
from billing.reminders import remind
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage
from tenants.models import MeteringPolicy
from tests.billing.conftest import BILL, NOVEMBER, BillingScenario
from tests.billing.unpaid_invoices import DUE_OVER, FORTY_FIVE, HOUR, THIRTY, hourly, pay
from tests.queued_mails import check_mail, payload_of

TEMPLATES = Path(settings.BASE_DIR) / "templates/billing/mail"
MAILS = ("mail.send", "billing.document_mail")
KINDS = {
    path.name
    for path in TEMPLATES.iterdir()
    if not path.name.startswith("_") and path.stem != "base"
}


@pytest.fixture
def rendered() -> Iterator[set[str]]:
    """Collect the names of the rendered templates."""
    names: set[str] = set()

    def note(template: Any = None, **_: Any) -> None:
        names.add(str(template.name))

    template_rendered.connect(note)
    yield names
    template_rendered.disconnect(note)


def issued(scenario: BillingScenario, month: int, **changes: Any) -> Invoice:
    """Create an invoice of a month of 2026 and read it from the database."""
    return Invoice.objects.get(pk=scenario.invoice(month=date(2026, month, 1), **changes).pk)


def invoices_and_charges(scenario: BillingScenario) -> None:
    """Queue the mails of an invoice, a receipt, a decline and a confirmation."""
    scenario.contract()
    by_mail = issued(scenario, 10, collection="by_invoice")
    render_documents(invoice=by_mail, now=NOVEMBER)
    queue_invoice_mail(invoice_id=by_mail.pk, now=NOVEMBER)
    card = scenario.card()
    wish = {"payment_method": card.stripe_payment_method_id}
    for month, answer in enumerate(("approve", "do_not_honor", "authentication_required"), start=3):
        scenario.stripe.control("POST", "cards", **wish, answer=answer)
        invoice = issued(scenario, month)
        attempt = charging.charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
        render_documents(invoice=invoice, now=NOVEMBER)
        if attempt.state == ChargeAttempt.State.SUCCEEDED:
            queue_receipt_mail(payment=attempt.payment, now=NOVEMBER)
        else:
            queue_charge_failed_mail(attempt_id=attempt.pk, now=NOVEMBER)


def a_balance_and_its_end(scenario: BillingScenario) -> None:
    """Queue the mails of each dunning step and of restored access."""
    issued(scenario, 2)
    for instant in (DUE_OVER, THIRTY, FORTY_FIVE):
        hourly(scenario, instant)
    for owed in Invoice.objects.outstanding():
        pay(owed, FORTY_FIVE, owed.owed_minor)
    hourly(scenario, FORTY_FIVE + HOUR)


def corrections(scenario: BillingScenario) -> None:
    """Queue the mails of a credit note with a refund, a dispute and its answer, and chargebacks."""
    scenario.card()
    invoice = issued(scenario, 1)
    line = InvoiceLine.objects.create(
        invoice=invoice, position=1, kind=LineKind.USAGE, description="Acme",
        metric="users", quantity=30, unit_price=11, amount_minor=33_000,
    )  # fmt: skip
    attempt = charging.charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    dispute = open_dispute(line=line, reason="We never had 30 users.", actor=BILL, now=NOVEMBER)
    decline_dispute(dispute_id=dispute.pk, answer="The log shows them.", actor=BILL, now=NOVEMBER)
    credit_amount(
        invoice_id=invoice.pk, total_minor=1_000, reason="A goodwill.", actor=BILL, now=NOVEMBER
    )
    while deliver_due(now=NOVEMBER, schema=scenario.provider.schema_name):
        pass
    refund = Refund.objects.get()
    refund.failure_message = "The card was closed."
    queue_refund_failed_mail(refund=refund, provider=scenario.provider, now=NOVEMBER)
    for state, closed_at in (("open", None), ("won", NOVEMBER), ("lost", NOVEMBER)):
        chargeback = Chargeback.objects.create(
            payment=attempt.payment, stripe_dispute_id=f"dp_{state}", amount_minor=5_000,
            currency="USD", reason="fraudulent", state=state, evidence_due_at=THIRTY,
            opened_at=NOVEMBER, closed_at=closed_at,
        )  # fmt: skip
        queue_chargeback_mails(chargeback=chargeback, provider=scenario.provider, now=NOVEMBER)


def reminders(scenario: BillingScenario) -> None:
    """Queue the mails of an expiring and an expired card, of a renewal and of an end."""
    for month in (11, 10):
        PaymentMethod.objects.filter(replaced_at=None).update(
            expiry_month=month, expiry_year=2026, expiry_mailed_at=None
        )
        remind(provider=scenario.provider, now=NOVEMBER)
        scenario.card("pm_card_mastercard")
    Contract.objects.update(term=Contract.Term.ANNUAL, starts_on=date(2025, 12, 1))
    remind(provider=scenario.provider, now=NOVEMBER + 24 * HOUR)
    Contract.objects.update(starts_on=date(2025, 11, 1), ends_on=date(2026, 12, 1))
    Contract.objects.get().renewal_notices.all().delete()
    OutboxMessage.objects.filter(key__startswith="contract-renewal").update(key="earlier")
    remind(provider=scenario.provider, now=NOVEMBER + 24 * HOUR)


def an_agreement_and_a_beginning(scenario: BillingScenario) -> None:
    """Queue the mails of a first card's agreement, and of a later beginning."""
    Contract.objects.update(ends_on=date(2026, 11, 1))
    offer = Offer(
        kind="pay_as_you_go", package_id=1, package_name="Workforce", package_contents=[],
        metric="users", currency="USD", unit_price=Decimal("10.50"), tax_name="VAT",
        tax_rate=Decimal(19), automatic_limit_minor=400_000, payment_terms_days=30,
        terms_version="2026-01",
    )  # fmt: skip
    acceptance = AgreementAcceptance.objects.create(
        stripe_setup_intent_id="seti_1", content=offer.content(), fingerprint=offer.fingerprint,
        accepted_at=NOVEMBER, accepted_by_id=7, accepted_by_name="Bill",
    )  # fmt: skip
    queue_agreement_mail(
        acceptance=acceptance, offer=offer, provider=scenario.provider, now=NOVEMBER
    )
    scenario.contract(starts_on="2026-12-01")
    MeteringPolicy.objects.update(free_user_limit=10)
    remind(provider=scenario.provider, now=NOVEMBER + 24 * HOUR)


def withdrawn_cards(scenario: BillingScenario) -> None:
    """Queue the mail of a card taken off at Stripe while a charge is due."""
    issued(scenario, 9)
    card = scenario.card().stripe_payment_method_id
    gateway.detach_card(payment_method_id=card)
    follow_card(provider=scenario.provider, payment_method_id=card, now=NOVEMBER)
    scenario.card()


def departures_of(scenario: BillingScenario) -> None:
    """Queue the mails of a leave date, of its cancellation, and of the final invoices."""
    day, provider = date(2026, 11, 18), scenario.provider
    set_leave_date(provider=provider, day=day, reason="", actor=BILL, now=NOVEMBER)
    cancel_departure(provider=provider, actor=BILL, now=NOVEMBER)
    departure = set_leave_date(provider=provider, day=day, reason="", actor=BILL, now=NOVEMBER)
    finish_departure(
        {"departure_id": departure.pk}, provider=provider, now=NOVEMBER + 18 * 24 * HOUR
    )


def is_a_page(address: str) -> bool:
    path = address.removeprefix(settings.SITE_URL).partition("?")[0]
    try:
        resolve(path)
    except Resolver404:
        return False
    return True


def test_every_mail_has_text_and_html_without_unfilled_values(
    scenario: BillingScenario, rendered: set[str]
) -> None:
    invoices_and_charges(scenario)
    a_balance_and_its_end(scenario)
    corrections(scenario)
    withdrawn_cards(scenario)
    reminders(scenario)
    an_agreement_and_a_beginning(scenario)
    departures_of(scenario)

    assert {Path(name).name for name in rendered} >= KINDS
    mails = [payload_of(message) for message in OutboxMessage.objects.filter(topic__in=MAILS)]
    assert len(mails) > len(KINDS) / 2
    for mail in mails:
        check_mail(mail)
        text, html = mail["text"], mail["html"]
        addresses = re.findall(r'(?:href|src)="([^"]*)"', html) + re.findall(r"https?://\S+", text)
        for address in addresses:
            assert address.startswith((settings.SITE_URL + "/", "mailto:")), mail["subject"]
            assert address.startswith("mailto:") or is_a_page(address), address
