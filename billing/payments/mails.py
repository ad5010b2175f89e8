"""Mails to the billing contacts: the invoice, the copy of a paid one, a card that was not charged.

Each is queued once per cause, with the invoice as issued attached.
"""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from billing.documents.invoice_mails import AttachedDocument, DocumentKind, queue_document_mail
from billing.formatting import date_text, instant_text
from billing.models import ChargeAttempt, Invoice, InvoiceDocument
from billing.models.payments import WITHDRAWN
from billing.money import format_money
from billing.payments.payment_links import payment_link


class DocumentsNotReady(Exception):
    """The invoice's PDF is not rendered yet; the mail waits for it."""


def queue_invoice_mail(*, invoice_id: int, now: datetime) -> None:
    """Mail an invoice that is to be paid by transfer. Raises `DocumentsNotReady`."""
    invoice = Invoice.objects.get(pk=invoice_id)
    _queue(
        "invoice",
        key=f"invoice:{invoice.pk}",
        subject=f"Invoice {invoice.number} over {_money(invoice)}",
        invoice=invoice,
        now=now,
    )


def queue_receipt_mail(*, attempt_id: int, now: datetime) -> None:
    """Mail the copy of an invoice that the card paid. Raises `DocumentsNotReady`."""
    attempt = ChargeAttempt.objects.select_related("invoice").get(pk=attempt_id)
    _queue(
        "receipt",
        key=f"receipt:{attempt.pk}",
        subject=f"Payment received for invoice {attempt.invoice.number}",
        invoice=attempt.invoice,
        attempt=attempt,
        now=now,
    )


def queue_charge_failed_mail(*, attempt_id: int, now: datetime) -> None:
    """Say that the card was not charged, why, and what to do; with a link where its bank asks.

    Nothing where it was paid meanwhile, or taken back as another amount is due now. Raises
    `DocumentsNotReady`.
    """
    attempt = ChargeAttempt.objects.select_related("invoice").get(pk=attempt_id)
    number = attempt.invoice.number
    template, subject = "charge_failed", f"Your card could not be charged for invoice {number}"
    if attempt.state == ChargeAttempt.State.SUCCEEDED or _was_taken_back(attempt):
        return
    if attempt.state == ChargeAttempt.State.NEEDS_CONFIRMATION:
        template, subject = "charge_confirm", f"Confirm the payment of invoice {number}"
    _queue(
        template,
        key=f"charge-failed:{attempt.pk}:{attempt.state}",
        subject=subject,
        invoice=attempt.invoice,
        attempt=attempt,
        now=now,
    )


def _was_taken_back(attempt: ChargeAttempt) -> bool:
    """Whether a correction withdrew the attempt: no bank refused anything."""
    is_withdrawn = attempt.decline_code == WITHDRAWN
    return is_withdrawn and attempt.invoice.amounts.due_minor != attempt.amount_minor


def _queue(
    template: str,
    *,
    key: str,
    subject: str,
    invoice: Invoice,
    now: datetime,
    attempt: ChargeAttempt | None = None,
) -> None:
    context: dict[str, Any] = {
        "subject": subject,
        "invoice": invoice,
        "month": f"{invoice.month:%B %Y}",
        "total": _money(invoice),
        "owed": _owed(invoice),
        "attempt": attempt,
        "charged": format_money(attempt.amount_minor, attempt.currency) if attempt else "",
        "paid_on": _paid_on(attempt, zone=invoice.billing_zone()) if attempt else "",
        "next_attempt": _instant(invoice, attempt.retry_at) if attempt and attempt.retry_at else "",
        "invoice_url": settings.SITE_URL + reverse("invoice_detail", args=[invoice.pk]),
        "pay_url": payment_link(invoice_id=invoice.pk, now=now),
        "billing_url": settings.SITE_URL + reverse("billing_information"),
        "support_email": settings.SUPPORT_EMAIL,
    }
    queue_document_mail(
        key=key,
        to=invoice.buyer["emails"],
        subject=subject,
        text=render_to_string(f"billing/mail/{template}.txt", context),
        html=render_to_string(f"billing/mail/{template}.html", context),
        attached=_pdf(invoice),
        now=now,
    )


def _paid_on(attempt: ChargeAttempt, *, zone: ZoneInfo) -> str:
    """The date in the billing zone: in UTC a first of the month would often be the day before."""
    if attempt.finished_at is None:
        return ""
    return date_text(attempt.finished_at.astimezone(zone).date())


def _pdf(invoice: Invoice) -> AttachedDocument:
    stored = (
        invoice.documents.filter(format=InvoiceDocument.Format.PDF)
        .values_list("pk", flat=True)
        .first()
    )
    if stored is None:
        raise DocumentsNotReady(f"Invoice {invoice.number} has no PDF yet.")
    return AttachedDocument(DocumentKind.INVOICE, stored, f"{invoice.number}.pdf")


def _instant(invoice: Invoice, at: datetime) -> str:
    return instant_text(at, invoice.billing_zone())


def _owed(invoice: Invoice) -> str:
    """What is left to pay; empty where nothing is."""
    minor = invoice.owed_minor
    return format_money(minor, invoice.currency) if minor else ""


def _money(invoice: Invoice) -> str:
    return format_money(invoice.total_minor, invoice.currency)
