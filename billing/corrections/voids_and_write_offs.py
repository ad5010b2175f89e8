"""Voids and write-offs: operations cancel an invoice, or give up what is owed on it."""

from datetime import datetime

from billing.choices import InvoiceKind
from billing.models import Invoice, LineDispute, MonthClose, PackOrder
from billing.money import format_money
from billing.payments.balance_lock import CorrectionRefused, change_balance, require_no_charge
from core.actors import Actor
from tenants import audit


def void_invoice(
    *, invoice_id: int, reason: str, actor: Actor, now: datetime, seen: str | None = None
) -> Invoice:
    """Void an invoice without payments; its number stays, and its month can be issued again.

    Its open disputes are accepted, and the next close bills the late usage that it carried. Raises
    `CorrectionRefused`, also while a charge runs, and for a pack that covered a closed month.
    """

    def void(invoice: Invoice) -> Invoice:
        _require_active(invoice, reason)
        _require_no_closed_month(invoice)
        paid, carried = invoice.amounts.paid_minor, invoice.amounts.carried_out_minor
        if carried:
            later = invoice.carried_to.get(to_invoice__voided_at=None).to_invoice
            raise CorrectionRefused(
                f"{format_money(carried, invoice.currency)} of {invoice.number} was carried to "
                f"{later.number}. Credit it there, or void {later.number} first."
            )
        if paid:
            raise CorrectionRefused(
                f"{format_money(paid, invoice.currency)} is paid on {invoice.number}. Refund it "
                "first: a void invoice keeps no money."
            )
        require_no_charge(invoice)
        invoice.voided_at, invoice.void_reason = now, reason.strip()
        invoice.voided_by_id, invoice.voided_by_name = actor.id, actor.name[:200]
        invoice.save(update_fields=["voided_at", "void_reason", "voided_by_id", "voided_by_name"])
        invoice.disputes.filter(state=LineDispute.State.OPEN).update(
            state=LineDispute.State.ACCEPTED,
            answer="The whole invoice was voided.",
            answered_by_id=actor.id,
            answered_by_name=actor.name[:200],
            answered_at=now,
        )
        _log(invoice, "invoice.voided", reason, actor=actor, now=now)
        return invoice

    return change_balance(void, invoice_id=invoice_id, now=now, seen=seen)


def write_off(
    *, invoice_id: int, reason: str, actor: Actor, now: datetime, seen: str | None = None
) -> Invoice:
    """Give up what is owed; a transfer that arrives later is still booked.

    Raises `CorrectionRefused`, also while a charge runs.
    """

    def write_off_invoice(invoice: Invoice) -> Invoice:
        _require_active(invoice, reason)
        if invoice.owed_minor == 0:
            raise CorrectionRefused(f"Nothing is owed on {invoice.number}.")
        require_no_charge(invoice)
        invoice.write_off(reason=reason, actor=actor, now=now)
        _log(invoice, "invoice.written_off", reason, actor=actor, now=now)
        return invoice

    return change_balance(write_off_invoice, invoice_id=invoice_id, now=now, seen=seen)


def _require_active(invoice: Invoice, reason: str) -> None:
    if invoice.voided_at:
        raise CorrectionRefused(f"{invoice.number} is void already.")
    if not reason.strip():
        raise CorrectionRefused("Give the reason: it is kept with the invoice.", field="reason")
    if invoice.written_off_at:
        raise CorrectionRefused(f"{invoice.number} is written off already.")


def _require_no_closed_month(invoice: Invoice) -> None:
    """Refuse to void a pack once a month was closed with it: that month cost less by it."""
    if invoice.kind != InvoiceKind.ORDER:
        return
    order = PackOrder.objects.get(invoice=invoice)
    closed = MonthClose.objects.filter(
        issued_at__isnull=False, month__gte=order.starts_on, month__lt=order.ends_on
    )
    first = closed.order_by("month").first()
    if first is not None:
        raise CorrectionRefused(
            f"{first.month:%B %Y} was closed with this pack, and cost less by it. Issue a credit "
            "note on the invoice instead: the pack then stays."
        )


def _log(invoice: Invoice, action: str, reason: str, *, actor: Actor, now: datetime) -> None:
    audit.record(
        actor=actor,
        action=action,
        subject=invoice.number,
        subject_id=invoice.pk,
        before={"owed": format_money(invoice.amounts.cancelled_minor, invoice.currency)},
        after={"reason": reason.strip()},
        now=now,
    )
