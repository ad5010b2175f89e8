"""Bank transfers, recorded by operations: all that an invoice owes, or a part of it."""

from datetime import date, datetime

from billing import topics
from billing.models import Invoice, Payment
from billing.money import format_money
from billing.payments.balance_lock import CorrectionRefused, change_balance, require_no_charge
from core.actors import Actor
from core.months import day_starts_at
from core.outbox.delivery import enqueue
from tenants import audit


def record_transfer(
    *,
    invoice_id: int,
    amount_minor: int,
    received_on: date,
    reference: str,
    actor: Actor,
    now: datetime,
    seen: str | None = None,
) -> Payment:
    """Book a bank transfer that was received on a day in the billing time zone.

    Possible on a written-off invoice too. Raises `CorrectionRefused` above the unpaid amount, for
    a void invoice, for a transfer that is booked already, and while a charge runs.
    """

    def book(invoice: Invoice) -> Payment:
        zone = invoice.billing_zone()
        _check_day(invoice, received_on, today=now.astimezone(zone).date())
        _check_amount(invoice, amount_minor)
        received_at = day_starts_at(day=received_on, zone=zone)
        _check_it_is_new(invoice, amount_minor, received_at, reference.strip())
        require_no_charge(invoice)
        payment = Payment.objects.create(
            invoice=invoice,
            method=Payment.Method.BANK_TRANSFER,
            amount_minor=amount_minor,
            currency=invoice.currency,
            received_at=received_at,
            reference=reference.strip(),
            recorded_by_id=actor.id,
            recorded_by_name=actor.name[:200],
        )
        audit.record(
            actor=actor,
            action="payment.recorded",
            subject=invoice.number,
            subject_id=invoice.pk,
            after={
                "amount": format_money(amount_minor, invoice.currency),
                "received": received_at.isoformat(),
                "reference": payment.reference,
            },
            now=now,
        )
        enqueue(
            topic=topics.RECEIPT_MAIL,
            key=f"payment:{payment.pk}",
            payload={"payment_id": payment.pk},
            now=now,
        )
        return payment

    return change_balance(book, invoice_id=invoice_id, now=now, seen=seen)


def _check_day(invoice: Invoice, received_on: date, *, today: date) -> None:
    if received_on > today:
        raise CorrectionRefused("This day is in the future.", field="received_on")
    issued_on = invoice.issued_at.astimezone(invoice.billing_zone()).date()
    if received_on < issued_on:
        raise CorrectionRefused(
            f"{invoice.number} was issued on {issued_on:%-d %B %Y}. Enter that day or a later one.",
            field="received_on",
        )


def _check_amount(invoice: Invoice, amount_minor: int) -> None:
    if invoice.voided_at:
        raise CorrectionRefused(
            f"{invoice.number} is void. Record the transfer on the invoice that replaces it."
        )
    if amount_minor <= 0:
        raise CorrectionRefused("Enter the amount that was received.", field="amount")
    left = invoice.amounts.unpaid_minor
    if amount_minor > left:
        too_much = format_money(amount_minor - left, invoice.currency)
        raise CorrectionRefused(
            f"{format_money(left, invoice.currency)} is unpaid on {invoice.number}: this would be "
            f"{too_much} too much. Record the part that pays it, and send the rest back or record "
            "it on another invoice.",
            field="amount",
        )


def _check_it_is_new(
    invoice: Invoice, amount_minor: int, received_at: datetime, reference: str
) -> None:
    if not reference:
        raise CorrectionRefused("Enter the reference of the bank statement.", field="reference")
    same = {"amount_minor": amount_minor, "received_at": received_at, "reference": reference}
    if invoice.payments.filter(method=Payment.Method.BANK_TRANSFER, **same).exists():
        raise CorrectionRefused(
            "This transfer is recorded already: same day, amount and reference.",
            field="reference",
        )
