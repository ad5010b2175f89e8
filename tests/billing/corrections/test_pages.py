"""A provider's pages of corrections and disputes, and the users who may not see them."""

import hashlib
from io import BytesIO

import pytest
import time_machine
from django.urls import reverse
from pypdf import PdfReader

from billing.corrections.credits import credit_lines
from billing.corrections.line_disputes import accept_dispute, open_dispute
from billing.corrections.voids_and_write_offs import void_invoice
from billing.models import CreditNote, CreditNoteDocument, LineDispute
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tests.billing.conftest import BILL
from tests.billing.corrections.conftest import LATER, STAFF, pay, with_lines
from tests.queued_mails import payload_of


@pytest.fixture
def invoice(scenario):
    """Paid by card: 200 and 100 dollars, and 60 of tax."""
    made = with_lines(scenario, 20_000, 10_000, tax_minor=6_000, tax_name="VAT", tax_rate=20)
    return pay(scenario, made)


@pytest.fixture
def credited(scenario, invoice):
    """Its second line credited, with PDF, mails and refund."""
    line = invoice.lines.get(position=2)
    note = credit_lines(
        invoice_id=invoice.pk, line_ids=[line.pk], reason="Never used", actor=STAFF, now=LATER
    )
    while deliver_due(now=LATER, schema=scenario.provider.schema_name):
        pass
    return note


@pytest.fixture
def as_bill(client, people):
    """The billing admin, signed in on the day of the test."""
    with time_machine.travel(LATER, tick=False):
        client.force_login(people.bill)
        yield client


def detail(invoice):
    return reverse("invoice_detail", args=[invoice.pk])


def dispute_page(invoice, position=2):
    return reverse("line_dispute", args=[invoice.pk, position])


def pdf_page(note):
    return reverse("credit_note_pdf", args=[note.invoice_id, note.pk])


def mail_with(subject_part):
    mails = OutboxMessage.objects.filter(topic__in=["mail.send", "billing.document_mail"])
    return next(payload_of(mail) for mail in mails if subject_part in mail.payload["subject"])


def test_the_invoice_page_shows_note_refund_and_amounts(as_bill, credited):
    page = as_bill.get(detail(credited.invoice)).content.decode()

    for words in (credited.number, "Never used", "$120.00", "$240.00", "Refunded", "Credited"):
        assert words in page
    listed = as_bill.get(reverse("payment_history")).content.decode()
    assert "−$120.00 credited" in listed
    rows = as_bill.get(reverse("payment_history_csv")).content.decode()
    assert "360.00,120.00,240.00,0.00" in rows


def test_the_pdf_of_a_credit_note_is_stored(as_bill, credited):
    answer = as_bill.get(pdf_page(credited))

    assert answer["Content-Type"] == "application/pdf"
    assert f'filename="{credited.number}.pdf"' in answer["Content-Disposition"]
    text = PdfReader(BytesIO(answer.content)).pages[0].extract_text()
    for words in (
        credited.number,
        credited.invoice.number,
        "Never used",
        "-$100.00",
        "VAT (20 %)",
        "-$20.00",
        "-$120.00 USD",
    ):
        assert words in text


def test_a_damaged_pdf_is_not_served(as_bill, scenario, credited):
    with provider_schema(scenario.provider):
        document = CreditNoteDocument.objects.get()
        assert hashlib.sha256(bytes(document.content)).hexdigest() == document.sha256
        CreditNoteDocument.objects.update(content=b"%PDF-1.7 other")

    answer = as_bill.get(pdf_page(credited))

    assert answer.status_code == 409
    assert "withheld" in answer.content.decode()


def test_a_note_without_a_pdf_answers_that_it_is_being_rendered(as_bill, scenario, credited):
    with provider_schema(scenario.provider):
        CreditNoteDocument.objects.all().delete()

    answer = as_bill.get(pdf_page(credited))

    assert (answer.status_code, answer["Refresh"]) == (202, "3")


def test_the_mails_have_the_pdf_and_the_refund_method(credited):
    payload = mail_with(credited.number)
    assert payload["attached"]["name"] == f"{credited.number}.pdf"
    for text in (payload["text"], payload["html"]):
        assert "$120.00" in text
        assert "Never used" in text
    refund_mail = mail_with("refunded for invoice")
    for text in (refund_mail["text"], refund_mail["html"]):
        assert "goes back to the card" in text
        assert credited.number in text
    assert payload["to"] == refund_mail["to"] == credited.invoice.buyer["emails"]


def test_a_line_is_disputed_on_its_page(as_bill, scenario, invoice):
    assert f'href="{dispute_page(invoice)}"' in as_bill.get(detail(invoice)).content.decode()
    shown = as_bill.get(dispute_page(invoice)).content.decode()
    assert "$120.00" in shown
    refused = as_bill.post(dispute_page(invoice), {"reason": " "})
    assert refused.status_code == 422
    assert "Say what is wrong" in refused.content.decode()

    done = as_bill.post(dispute_page(invoice), {"reason": "They left\nin May"}, follow=True)

    page = done.content.decode()
    assert "They left in May" in page
    assert "Waits for an answer" in page
    assert f'href="{dispute_page(invoice)}"' not in page
    with provider_schema(scenario.provider):
        assert LineDispute.objects.get().opened_by_name.startswith("Bill")
    again = as_bill.post(dispute_page(invoice), {"reason": "Again"}, follow=True)
    assert "disputed before" in again.content.decode()


def test_the_page_shows_the_answer_to_a_dispute(as_bill, scenario, invoice):
    with provider_schema(scenario.provider):
        line = invoice.lines.get(position=2)
        opened = open_dispute(line=line, reason="They left", actor=BILL, now=LATER)
        accept_dispute(dispute_id=opened.pk, answer="You are right", actor=STAFF, now=LATER)

    page = as_bill.get(detail(invoice)).content.decode()

    assert "Our answer: You are right" in page
    assert "Accepted" in page


def test_the_page_of_a_void_invoice_offers_no_dispute(as_bill, scenario):
    invoice = with_lines(scenario, 5_000)
    void_invoice(invoice_id=invoice.pk, reason="Billed twice.", actor=STAFF, now=LATER)

    page = as_bill.get(detail(invoice)).content.decode()

    assert "Void since 3 November 2026: Billed twice." in page
    assert dispute_page(invoice, 1) not in page
    assert "Pay now" not in page


def test_a_missing_line_has_no_dispute_page(as_bill, invoice):
    assert as_bill.get(dispute_page(invoice, 99)).status_code == 404


@pytest.mark.parametrize("name", ["adam", "rita", "otto", "sofia"])
def test_outsiders_get_nothing(client, people, credited, name):
    client.force_login(getattr(people, name))

    for address in (pdf_page(credited), dispute_page(credited.invoice, 1)):
        assert client.get(address).status_code in (403, 404)
    assert client.post(dispute_page(credited.invoice, 1), {"reason": "x"}).status_code in (403, 404)


def test_a_note_has_a_page_under_its_invoice_only(as_bill, scenario, credited):
    with provider_schema(scenario.provider):
        other = with_lines(scenario, 5_000, month="2026-09-01")
        assert CreditNote.objects.count() == 1

    address = reverse("credit_note_pdf", args=[other.pk, credited.pk])

    assert as_bill.get(address).status_code == 404
