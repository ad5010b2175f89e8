"""Receipts: what a payment's PDF says, and where it is sent and offered."""

import hashlib
import io
import zipfile
from datetime import date

import pytest
from django.core import mail
from django.utils import timezone
from pypdf import PdfReader

from billing.corrections.bank_transfers import record_transfer
from billing.documents.receipt import receipt_of, render_receipt, rendered_receipt
from billing.documents.store import DocumentDamaged
from billing.models import Chargeback, Invoice, Payment, PaymentReceipt
from billing.payments import charging
from billing.payments.on_session import begin_on_session, settle_return
from core.outbox.delivery import deliver_due
from core.schema import provider_schema
from tests.billing.conftest import BILL, NOVEMBER


def text_of(content):
    pages = PdfReader(io.BytesIO(bytes(content))).pages
    return " ".join("\n".join(page.extract_text() for page in pages).split())


def receipt_text(payment):
    return text_of(render_receipt(payment=payment, now=NOVEMBER).content)


def deliver(scenario, now=NOVEMBER):
    while deliver_due(now=now, schema=scenario.provider.schema_name):
        pass


def transfer(invoice, amount_minor, reference="A1"):
    return record_transfer(
        invoice_id=invoice.pk,
        amount_minor=amount_minor,
        received_on=date(2026, 11, 1),
        reference=reference,
        actor=BILL,
        now=NOVEMBER,
    )


def lose(payment):
    Chargeback.objects.create(
        payment=payment,
        stripe_dispute_id="dp_1",
        state=Chargeback.State.LOST,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        opened_at=NOVEMBER,
        closed_at=NOVEMBER,
    )


def test_a_receipt_says_paid_with_date_and_card(scenario):
    scenario.card()
    charging.charge_invoice(invoice_id=scenario.invoice().pk, now=NOVEMBER)

    text = receipt_text(Payment.objects.get())

    assert "PAID" in text
    assert "$330.00 paid on 1 November 2026" in text
    assert "Visa ending in 4242" in text
    assert "Still to be paid $0.00 USD" in text
    assert "Amount due" not in text
    assert "Please pay" not in text


def test_a_card_that_was_entered_at_a_payment_link_is_named(scenario):
    scenario.contract()
    invoice = scenario.invoice()
    secret = begin_on_session(invoice_id=invoice.pk, now=NOVEMBER).client_secret
    intent = secret.partition("_secret_")[0]
    scenario.stripe.client().v1.payment_intents.confirm(
        intent, {"payment_method": "pm_card_mastercard"}
    )
    settle_return(invoice=invoice, payment_intent_id=intent, now=NOVEMBER)

    assert Payment.objects.get().paid_with == "Mastercard ending in 4444"


def test_a_part_is_not_paid_and_the_last_part_is(scenario):
    invoice = scenario.invoice()
    first, last = transfer(invoice, 10_000, "A1"), None
    text = receipt_text(first)
    assert "PAID" not in text
    assert "$230.00 of it is still to be paid" in text
    assert "Bank transfer" in text

    last = transfer(invoice, 23_000, "A2")
    text = receipt_text(last)
    assert "PAID" in text
    assert "Other payments, less refunds -$100.00" in text
    assert "R2" in text


def test_an_invoice_that_is_void_or_written_off_is_not_called_paid(scenario):
    written_off = scenario.invoice()
    payment = transfer(written_off, 10_000)
    Invoice.objects.filter(pk=written_off.pk).update(written_off_at=NOVEMBER)
    payment.invoice.refresh_from_db()
    assert "PAID" not in receipt_text(payment)


def test_the_mail_of_a_payment_has_its_receipt_and_not_the_invoice(scenario):
    transfer(scenario.invoice(), 33_000)

    deliver(scenario)

    (sent,) = [each for each in mail.outbox if "Payment received" in each.subject]
    assert "We received your bank transfer of $330.00, and nothing is left to pay" in sent.body
    ((name, content, _),) = sent.attachments
    assert name.endswith("-000001-R1.pdf")
    with provider_schema(scenario.provider):
        assert content == bytes(PaymentReceipt.objects.get().content)
    assert "PAID" in text_of(content)


def test_a_receipt_is_rendered_once_and_again_to_the_same_bytes(scenario):
    payment = transfer(scenario.invoice(), 33_000)
    stored = render_receipt(payment=payment, now=NOVEMBER)
    assert stored.sha256 == hashlib.sha256(bytes(stored.content)).hexdigest()

    Invoice.objects.update(written_off_at=NOVEMBER)
    assert render_receipt(payment=payment, now=NOVEMBER).pk == stored.pk
    assert rendered_receipt(stored) == bytes(stored.content)


def test_changed_bytes_are_not_handed_out(scenario):
    payment = transfer(scenario.invoice(), 33_000)
    render_receipt(payment=payment, now=NOVEMBER)
    PaymentReceipt.objects.update(content=b"%PDF another")
    with pytest.raises(DocumentDamaged):
        receipt_of(payment=payment)


@pytest.fixture
def paid(scenario):
    payment = transfer(scenario.invoice(), 33_000)
    return payment, f"/account/payments/{payment.invoice_id}/receipts/{payment.pk}.pdf"


def test_a_receipt_is_offered_on_both_pages_and_downloaded(scenario, client, sign_in, people, paid):
    payment, address = paid
    sign_in(client, people.bill)
    for page in ("/account/payments/", f"/account/payments/{payment.invoice_id}/"):
        assert address in client.get(page).content.decode()

    response = client.get(address)
    assert response.status_code == 202
    deliver(scenario)
    response = client.get(address)
    assert response.status_code == 200
    assert response["Content-Disposition"].endswith('-000001-R1.pdf"')
    assert "PAID" in text_of(response.content)


def test_a_payment_that_the_bank_took_back_has_no_receipt(client, sign_in, people, paid):
    payment, address = paid
    sign_in(client, people.bill)
    render_receipt(payment=payment, now=NOVEMBER)
    lose(payment)
    assert client.get(address).status_code == 404
    assert address not in client.get("/account/payments/").content.decode()
    assert address not in client.get(f"/account/payments/{payment.invoice_id}/").content.decode()


def test_a_receipt_needs_permission_and_its_own_invoice(scenario, client, sign_in, people, paid):
    payment, address = paid
    other = scenario.invoice(month="2026-09-01")
    sign_in(client, people.bill)
    assert client.get(f"/account/payments/{other.pk}/receipts/{payment.pk}.pdf").status_code == 404
    sign_in(client, people.adam)
    assert client.get(address).status_code == 403


def test_a_month_package_has_every_document_of_the_month(scenario, client, sign_in, people):
    for month in ("2026-10-01", "2026-09-01"):
        transfer(scenario.invoice(month=month), 33_000)
    address = "/account/payments/months/2026-10.zip"
    sign_in(client, people.bill)
    assert address in client.get("/account/payments/").content.decode()
    assert client.get(address).status_code == 202
    deliver(scenario)
    deliver(scenario, now=timezone.now())
    response = client.get(address)

    assert response["Content-Disposition"].endswith('"NORTH-2026-10-documents.zip"')
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert archive.namelist() == [
            "NORTH-000001.pdf",
            "NORTH-000001.csv",
            "receipt-NORTH-000001-R1.pdf",
        ]
        assert "PAID" in text_of(archive.read("receipt-NORTH-000001-R1.pdf"))
    assert client.get(address).content == response.content
    assert client.get("/account/payments/months/2026-13.zip").status_code == 404
    assert client.get("/account/payments/months/2026-1.zip").status_code == 404
    sign_in(client, people.adam)
    assert client.get(address).status_code == 403
