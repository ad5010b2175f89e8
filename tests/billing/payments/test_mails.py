"""Mails of payments, sent through the outbox with the invoice attached."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from pypdf import PdfReader

from billing.gateway import client as gateway
from billing.invoicing.month_close import close_month
from billing.models import ChargeAttempt, Invoice, InvoiceDocument, PaymentMethod
from billing.payments import charging
from billing.payments.mails import queue_receipt_mail
from core.months import Month
from core.outbox.delivery import deliver_due, enqueue
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tests.billing.conftest import NOVEMBER


def close_and_deliver(scenario, *, now=NOVEMBER):
    close_month(provider=scenario.provider, month=Month(2026, 10), now=NOVEMBER)
    deliver(scenario, now=now)


def deliver(scenario, *, now):
    while deliver_due(now=now, schema=scenario.provider.schema_name):
        pass


def only_mail():
    (sent,) = mail.outbox
    (html,) = [body for body, kind in sent.alternatives if kind == "text/html"]
    (attached,) = sent.attachments
    return sent, html, attached


def test_an_invoice_paid_by_transfer_is_mailed_with_its_pdf(scenario):
    scenario.contract()
    scenario.organization(users=30)

    close_and_deliver(scenario)

    sent, html, (name, content, kind) = only_mail()
    number = f"{scenario.provider.invoice_prefix}-000001"
    assert sent.to == [scenario.provider.contact_email]
    assert sent.subject == f"Invoice {number} over $330.00"
    for body in (sent.body, html):
        assert "$330.00" in body
        assert "1 December 2026" in body
        assert "/account/payments/" in body
    assert (name, kind) == (f"{number}.pdf", "application/pdf")
    with provider_schema(scenario.provider):
        assert content == bytes(InvoiceDocument.objects.get(format="pdf").content)


def test_a_receipt_is_mailed_for_a_paid_invoice(scenario):
    scenario.card()
    scenario.organization(users=30)

    close_and_deliver(scenario)

    sent, html, (name, _, _) = only_mail()
    assert "Payment received" in sent.subject
    assert "Your card was charged $330.00" in html
    assert name.startswith("receipt-")
    assert name.endswith("-000001-R1.pdf")


def test_a_receipt_is_dated_in_the_billing_zone(scenario):
    scenario.card()
    attempt = charging.charge_invoice(
        invoice_id=scenario.invoice(billing_time_zone="Europe/Berlin").pk,
        now=datetime(2026, 10, 31, 23, 5, tzinfo=UTC),
    )
    queue_receipt_mail(payment=attempt.payment, now=NOVEMBER)

    queued = OutboxMessage.objects.get(topic="billing.document_mail")
    for part in ("text", "html"):
        assert "1 November 2026" in queued.payload[part]
        assert "31 October" not in queued.payload[part]


def test_the_mail_of_a_failed_charge_has_the_reason_and_a_link(scenario):
    card = scenario.card()
    scenario.stripe.control(
        "POST",
        "cards",
        payment_method=card.stripe_payment_method_id,
        answer="insufficient_funds",
    )
    scenario.organization(users=30)

    close_and_deliver(scenario)

    # Beside the mail of the outstanding balance.
    (sent,) = [each for each in mail.outbox if "could not be charged" in each.subject]
    (html,) = [body for body, kind in sent.alternatives if kind == "text/html"]
    for body in (sent.body, html):
        assert "Your card has insufficient funds." in body
        assert "/account/billing/" in body
        assert "/pay/" in body, "it can be paid without signing in"
    ((_, content, _),) = sent.attachments
    attached = " ".join(PdfReader(io.BytesIO(content)).pages[0].extract_text().split())
    assert "If the charge does not go through, please pay $330.00 another way" in attached
    assert "do anything" not in attached


def test_a_charge_that_needs_confirmation_and_then_fails_is_mailed_twice(scenario):
    card = scenario.card()
    wish = {"payment_method": card.stripe_payment_method_id}
    scenario.stripe.control("POST", "cards", **wish, answer="authentication_required")
    scenario.organization(users=30)
    close_and_deliver(scenario)
    with provider_schema(scenario.provider):
        attempt = ChargeAttempt.objects.get()
        assert attempt.state == ChargeAttempt.State.NEEDS_CONFIRMATION
        scenario.stripe.client().v1.payment_intents.cancel(attempt.stripe_payment_intent_id)
        facts = gateway.payment(payment_intent_id=attempt.stripe_payment_intent_id)
        charging.settle(attempt_id=attempt.pk, facts=facts, now=NOVEMBER)

    deliver(scenario, now=NOVEMBER)

    subjects = [sent.subject for sent in mail.outbox if "outstanding balance" not in sent.subject]
    number = f"{scenario.provider.invoice_prefix}-000001"
    assert subjects == [
        f"Confirm the payment of invoice {number}",
        f"Your card could not be charged for invoice {number}",
    ]


def test_names_are_escaped_in_a_mail(scenario):
    scenario.contract()
    scenario.organization(users=30)
    close_month(provider=scenario.provider, month=Month(2026, 10), now=NOVEMBER)
    with provider_schema(scenario.provider):
        Invoice.objects.update(seller={"name": "<b>Seller</b>", "email": "s@seller.example"})

    deliver(scenario, now=NOVEMBER)

    _, html, _ = only_mail()
    assert "&lt;b&gt;Seller" in html


def test_a_mail_waits_for_its_document(scenario):
    scenario.contract()
    scenario.organization(users=30)
    close_month(provider=scenario.provider, month=Month(2026, 10), now=NOVEMBER)
    documents = OutboxMessage.objects.filter(topic="billing.documents")
    documents.update(due_at=NOVEMBER + timedelta(minutes=1))

    deliver(scenario, now=NOVEMBER)
    assert mail.outbox == []
    for minutes in (2, 3):
        deliver(scenario, now=NOVEMBER + timedelta(minutes=minutes))
    assert len(mail.outbox) == 1


@pytest.mark.parametrize(("minutes", "waits"), [(0, 0.5), (30, 30), (600, 60)])
def test_an_unknown_outcome_is_read_again_after_growing_waits(scenario, minutes, waits):
    scenario.card()
    invoice = scenario.invoice()
    with provider_schema(scenario.provider):
        ChargeAttempt.objects.create(
            invoice=invoice,
            state=ChargeAttempt.State.UNKNOWN,
            idempotency_key="charge-1",
            amount_minor=33_000,
            currency="USD",
            stripe_customer_id=scenario.customer(),
            stripe_payment_method_id=PaymentMethod.objects.current().stripe_payment_method_id,
            created_at=NOVEMBER,
            sent_at=NOVEMBER,
        )
        enqueue(topic="billing.charge", key="c", payload={"invoice_id": invoice.pk}, now=NOVEMBER)
    scenario.stripe.fault("timeout", path="/v1/payment_intents", method="*", times=2)
    now = NOVEMBER + timedelta(minutes=minutes)

    deliver_due(now=now, schema=scenario.provider.schema_name, limit=2)

    message = OutboxMessage.objects.get(topic="billing.charge")
    assert message.finished_at is None
    assert message.due_at == now + timedelta(minutes=waits)
    assert message.attempts == 0, "waiting is no failure"
