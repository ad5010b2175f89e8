"""Mails about an invoice's payment: the invoice, its receipt, failed charges, chargebacks.

Each mail is queued once per cause.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.urls import reverse

from accounts.models import Provider
from billing.choices import Collection
from billing.customer.contact_mail import billing_contact_of
from billing.decline_reasons import WITHDRAWN
from billing.documents.invoice_mails import AttachedDocument, DocumentKind, queue_document_mail
from billing.documents.receipt import receipt_reference, render_receipt
from billing.formatting import date_text, local_date, month_text
from billing.models import ChargeAttempt, Chargeback, Invoice, InvoiceDocument, Payment
from billing.money import format_money
from billing.payment_links import payment_link
from core.mail import queue_mail
from core.mail_parts import Letterhead, mail_parts
from core.outbox.topics import Postpone
from usage.formatting import exact_instant

RENDERED_SOON = timedelta(seconds=5)
CHARGEBACK_SUBJECTS = {
    Chargeback.State.OPEN: "{provider}: payment of invoice {number} contested",
    Chargeback.State.WON: "{provider}: contested payment of invoice {number} stays",
    Chargeback.State.LOST: "{provider}: payment of invoice {number} taken back",
}


def queue_mail_about(
    invoice: Invoice,
    template: str,
    *,
    key: str,
    subject: str,
    context: Mapping[str, Any],
    now: datetime,
    to: Sequence[str] = (),
    attached: AttachedDocument | None = None,
) -> None:
    """Queue `billing/mail/<template>` once for each `key`, to the billing contacts or to `to`.

    `to` are people of operations. The context has the invoice's month and total, and links to its
    page and its payment.
    """
    full_context = {
        "subject": subject,
        "invoice": invoice,
        "month": month_text(invoice.month),
        "total": format_money(invoice.payable_at_issue_minor, invoice.currency),
        "carried": format_money(invoice.carried_in_minor, invoice.currency)
        if invoice.carried_in_minor
        else "",
        "is_too_small": invoice.collection == Collection.TOO_SMALL,
        "invoice_url": settings.SITE_URL + reverse("invoice_detail", args=[invoice.pk]),
        "pay_url": payment_link(invoice_id=invoice.pk, now=now),
        **context,
    }
    mail: dict[str, Any] = {
        "key": key,
        "to": list(to or invoice.buyer["emails"]),
        "subject": subject,
        **mail_parts(
            f"billing/mail/{template}",
            letterhead=_letterhead(invoice, is_for_operations=bool(to)),
            context=full_context,
        ),
        "now": now,
    }
    if attached is None:
        queue_mail(**mail)
    else:
        queue_document_mail(attached=attached, **mail)


def _letterhead(invoice: Invoice, *, is_for_operations: bool) -> Letterhead:
    if is_for_operations:
        return Letterhead.of_operations()
    why = billing_contact_of(invoice.buyer["name"])
    return replace(Letterhead.of_seller(why=why), sender=invoice.seller["name"])


def queue_invoice_mail(*, invoice_id: int, now: datetime) -> None:
    """Mail an invoice that is paid by transfer or too small to be charged.

    Raises `Postpone` until its PDF is rendered.
    """
    invoice = Invoice.objects.get(pk=invoice_id)
    total = format_money(invoice.payable_at_issue_minor, invoice.currency)
    _queue_with_invoice(
        invoice,
        "invoice",
        key=f"invoice:{invoice.pk}",
        subject=f"Invoice {invoice.number} over {total}",
        now=now,
    )


def queue_receipt_mail(*, payment: Payment, now: datetime) -> None:
    """Render the receipt of a payment, if it is not yet, and mail it."""
    invoice, receipt = payment.invoice, render_receipt(payment=payment, now=now)
    key = payment.attempt_id or f"payment:{payment.pk}"
    context = {
        "payment": payment,
        "amount": format_money(payment.amount_minor, payment.currency),
        "paid_on": date_text(local_date(payment.received_at, invoice.billing_zone())),
        "is_paid_in_full": receipt.is_paid_in_full,
        "owed": format_money(receipt.owed_minor, invoice.currency) if receipt.owed_minor else "",
    }
    name = f"receipt-{receipt_reference(payment)}.pdf"
    queue_mail_about(
        invoice,
        "receipt",
        key=f"receipt:{key}",
        subject=f"Payment received for invoice {invoice.number}",
        context=context,
        attached=AttachedDocument(DocumentKind.RECEIPT, receipt.pk, name),
        now=now,
    )


def queue_charge_failed_mail(*, attempt_id: int, now: datetime) -> None:
    """Mail the reason of a failed charge and what to do; a link if the bank wants a confirmation.

    Sends nothing if the attempt has succeeded since, or if a correction withdrew it because
    another amount is due now. Raises `Postpone` until the invoice's PDF is rendered.
    """
    attempt = ChargeAttempt.objects.select_related("invoice").get(pk=attempt_id)
    invoice = attempt.invoice
    is_corrected = (
        attempt.decline_code == WITHDRAWN and invoice.amounts.due_minor != attempt.amount_minor
    )
    if attempt.state == ChargeAttempt.State.SUCCEEDED or is_corrected:
        return
    needs_confirmation = attempt.state == ChargeAttempt.State.NEEDS_CONFIRMATION
    _queue_with_invoice(
        invoice,
        "charge_confirm" if needs_confirmation else "charge_failed",
        key=f"charge-failed:{attempt.pk}:{attempt.state}",
        subject=f"Confirm the payment of invoice {invoice.number}"
        if needs_confirmation
        else f"Your card could not be charged for invoice {invoice.number}",
        attempt=attempt,
        now=now,
    )


def _queue_with_invoice(
    invoice: Invoice,
    template: str,
    *,
    key: str,
    subject: str,
    now: datetime,
    attempt: ChargeAttempt | None = None,
) -> None:
    zone = invoice.billing_zone()
    owed = invoice.owed_minor
    context = {
        "owed": format_money(owed, invoice.currency) if owed else "",
        "attempt": attempt,
        "charged": format_money(attempt.amount_minor, attempt.currency) if attempt else "",
        "paid_on": date_text(local_date(attempt.finished_at, zone))
        if attempt and attempt.finished_at
        else "",
        "next_attempt": exact_instant(attempt.retry_at, zone)
        if attempt and attempt.retry_at
        else "",
        "billing_url": settings.SITE_URL + reverse("billing_information"),
    }
    pdfs = invoice.documents.filter(format=InvoiceDocument.Format.PDF)
    pdf_id = pdfs.values_list("pk", flat=True).first()
    if pdf_id is None:
        raise Postpone(now + RENDERED_SOON)
    queue_mail_about(
        invoice,
        template,
        key=key,
        subject=subject,
        context=context,
        attached=AttachedDocument(DocumentKind.INVOICE, pdf_id, f"{invoice.number}.pdf"),
        now=now,
    )


def queue_chargeback_mails(*, chargeback: Chargeback, provider: Provider, now: datetime) -> None:
    """Mail a chargeback's state to operations, and a lost one to the billing contacts."""
    invoice = chargeback.payment.invoice
    zone = invoice.billing_zone()
    due_at = chargeback.evidence_due_at
    owed = invoice.owed_minor
    context = {
        "chargeback": chargeback,
        "provider": provider,
        "amount": format_money(chargeback.amount_minor, chargeback.currency),
        "owed": format_money(owed, invoice.currency),
        "paid_on": date_text(local_date(chargeback.payment.received_at, zone)),
        "evidence_due": exact_instant(due_at, zone) if due_at else "",
        "contested_url": settings.SITE_URL
        + reverse("admin:billing_payment_change", args=[chargeback.payment_id]),
    }
    state = Chargeback.State(chargeback.state)
    queue_mail_about(
        invoice,
        "chargeback_operations",
        key=f"chargeback_operations:{chargeback.pk}:{state}",
        to=[settings.SUPPORT_EMAIL],
        subject=CHARGEBACK_SUBJECTS[state].format(provider=provider.name, number=invoice.number),
        context=context,
        now=now,
    )
    if state == Chargeback.State.LOST and owed:
        queue_mail_about(
            invoice,
            "chargeback_lost",
            key=f"chargeback_lost:{chargeback.pk}:{state}",
            subject=f"The payment of invoice {invoice.number} was taken back by your bank",
            context=context,
            now=now,
        )
