"""The receipt of a payment: its PDF, rendered once and stored with its SHA-256.

The invoice stays as issued and shows nothing as paid; the receipt is the document that does.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.template.loader import render_to_string

from billing import topics
from billing.documents.fingerprint import fingerprint
from billing.documents.frame import frame
from billing.documents.invoice_content import Party, customer_number, tax_text
from billing.documents.store import checked, store_once
from billing.documents.text_fitting import printable
from billing.formatting import date_text, local_date, month_text
from billing.models import Chargeback, Invoice, InvoiceDocument, Payment, PaymentReceipt
from billing.money import format_money
from core.outbox.delivery import enqueue


class TakenBack(Exception):
    """The bank took the payment back: there is no receipt for it."""


def payments_with_receipt(payments: QuerySet[Payment]) -> QuerySet[Payment]:
    """Those of the payments that have a receipt: all but what a bank took back."""
    return payments.exclude(chargebacks__state=Chargeback.State.LOST)


def receipt_reference(payment: Payment) -> str:
    """The invoice's number and the position of the payment on it: NORTH-000007-R1."""
    earlier = Payment.objects.filter(invoice_id=payment.invoice_id, pk__lt=payment.pk).count()
    return f"{payment.invoice.number}-R{earlier + 1}"


def receipt_html(receipt: PaymentReceipt, *, reference: str) -> str:
    """The page that becomes the PDF; it depends only on the row, the payment and the invoice."""
    payment = receipt.payment
    invoice, currency = payment.invoice, payment.currency
    zone = invoice.billing_zone()
    paid_on = date_text(local_date(payment.received_at, zone))
    number = f"no. {customer_number(invoice.number)}"
    parties = (
        ("From", Party.of(invoice.seller)),
        ("Received from", Party.of(invoice.buyer, number=number)),
    )
    amount = format_money(payment.amount_minor, currency)
    content = {
        "reference": reference,
        "invoice_number": invoice.number,
        "seller": parties[0][1],
        "facts": _facts(payment, zone, reference=reference),
        "headline": f"{amount} paid on {paid_on}",
        "paid_with": payment.paid_with,
        "is_paid_in_full": receipt.is_paid_in_full,
        "totals": _totals(receipt),
        "owed": format_money(receipt.owed_minor, currency) if receipt.owed_minor else "",
    }
    return render_to_string(
        "billing/documents/receipt.html",
        {
            "content": content,
            "dated": payment.received_at.isoformat(timespec="seconds"),
            "parties": parties,
            **frame(invoice.buyer),
        },
    )


def _facts(payment: Payment, zone: ZoneInfo, *, reference: str) -> list[tuple[str, str]]:
    invoice = payment.invoice
    facts = (
        ("Receipt number", reference),
        ("For invoice", f"{invoice.number} of {date_text(invoice.issued_on)}"),
        ("Billing month", month_text(invoice.month)),
        ("Date paid", date_text(local_date(payment.received_at, zone))),
        ("Payment method", payment.paid_with),
        ("Reference", printable(payment.reference)),
        ("Your purchase order", printable(str(invoice.buyer.get("purchase_order", "")))),
    )
    return [(name, value) for name, value in facts if value]


def _totals(receipt: PaymentReceipt) -> list[tuple[str, str]]:
    """The amounts of the invoice, less what was paid; the last row is what is left."""
    payment = receipt.payment
    invoice, currency = payment.invoice, payment.currency
    rows = [
        ("Subtotal", invoice.subtotal_minor),
        (tax_text(invoice), invoice.tax_minor),
        ("Total of the invoice", invoice.total_minor),
    ]
    if invoice.carried_in_minor:
        rows.append(("Carried from earlier invoices", invoice.carried_in_minor))
    if receipt.deducted_minor:
        rows.append(("Credited, or carried to a later invoice", -receipt.deducted_minor))
    if receipt.paid_by_others_minor:
        rows.append(("Other payments, less refunds", -receipt.paid_by_others_minor))
    rows.append(("This payment", -payment.amount_minor))
    shown = [(name, format_money(minor, currency)) for name, minor in rows]
    owed = format_money(receipt.owed_minor, currency)
    return [*shown, ("Still to be paid", f"{owed} {currency}")]


def request_receipt(*, payment: Payment, now: datetime) -> None:
    """Queue the rendering of a receipt, once."""
    enqueue(
        topic=topics.RECEIPT,
        key=f"payment:{payment.pk}",
        payload={"payment_id": payment.pk},
        now=now,
    )


def render_receipt(*, payment: Payment, now: datetime) -> PaymentReceipt:
    """Render and store the receipt, unless it is stored; returns the stored one.

    Safe to repeat and to run concurrently: the first stored bytes are kept.
    """
    stored = PaymentReceipt.objects.filter(payment=payment).first()
    if stored is not None:
        return stored
    receipt = _with_amounts(payment)
    store_once(receipt, content=rendered_receipt(receipt), now=now)
    return PaymentReceipt.objects.get(payment=payment)


def rendered_receipt(receipt: PaymentReceipt) -> bytes:
    """The bytes of a receipt, rendered now; stores nothing."""
    # Imported late: the renderer takes 40 MB and half a second, and no web process renders.
    from billing.documents.rendering import pdf_of  # noqa: PLC0415 - as the comment says

    reference = receipt_reference(receipt.payment)
    return pdf_of(html=receipt_html(receipt, reference=reference), identifier=reference)


def _with_amounts(payment: Payment) -> PaymentReceipt:
    amounts = payment.invoice.amounts
    return PaymentReceipt(
        payment=payment,
        is_paid_in_full=amounts.status == Invoice.Status.PAID,
        deducted_minor=amounts.credited_minor + amounts.carried_out_minor,
        paid_by_others_minor=amounts.paid_minor - payment.amount_minor,
        owed_minor=amounts.owed_minor,
        fingerprint=fingerprint(InvoiceDocument.Format.PDF),
    )


def receipt_of(*, payment: Payment) -> PaymentReceipt:
    """The stored receipt, checked. Raises `TakenBack`, `DocumentNotReady` or `DocumentDamaged`."""
    if not payments_with_receipt(Payment.objects.filter(pk=payment.pk)).exists():
        raise TakenBack
    stored = PaymentReceipt.objects.filter(payment=payment).first()
    return checked(stored, name=f"receipt of payment {payment.pk}")


def receipt_bytes(*, document_id: int) -> bytes:
    """The bytes of a stored receipt, checked. Raises `DocumentDamaged`."""
    stored = PaymentReceipt.objects.get(pk=document_id)
    return bytes(checked(stored, name=f"receipt of payment {stored.payment_id}").content)
