"""Operations ask for an invoice no more: void, as if it had never been, or written off."""

from datetime import datetime

from billing.models import Invoice, LineDispute
from billing.models.invoice_amounts import Amounts
from billing.money import format_money
from billing.payments.balance_lock import CorrectionRefused, change_balance, require_no_charge
from core.actors import Actor
from tenants import audit

LONGEST_REASON = 500


def void_invoice(
    *, invoice_id: int, reason: str, actor: Actor, now: datetime, seen: Amounts | None = None
) -> Invoice:
    """Void an invoice on which nothing is paid; its number stays, and its month may be billed anew.

    Its open disputes are settled with it. Raises `CorrectionRefused`, also while a charge is under
    way.
    """

    def act(invoice: Invoice) -> Invoice:
        _check_it_stands(invoice, reason)
        if invoice.written_off_at:
            raise CorrectionRefused(f"{invoice.number} is written off already.")
        paid = invoice.amounts.paid_minor
        if paid:
            raise CorrectionRefused(
                f"{format_money(paid, invoice.currency)} is paid on {invoice.number}. Refund it "
                "first: a void invoice keeps no money."
            )
        require_no_charge(invoice)
        invoice.voided_at, invoice.void_reason = now, reason.strip()
        invoice.voided_by_id, invoice.voided_by_name = actor.id, actor.name[:200]
        invoice.save(update_fields=["voided_at", "void_reason", "voided_by_id", "voided_by_name"])
        _settle_disputes(invoice, actor=actor, now=now)
        _log(invoice, "invoice.voided", reason, actor=actor, now=now)
        return invoice

    return change_balance(act, invoice_id=invoice_id, now=now, seen=seen)


def write_off(
    *, invoice_id: int, reason: str, actor: Actor, now: datetime, seen: Amounts | None = None
) -> Invoice:
    """Stop asking for what is owed; what comes in later all the same is still booked.

    Raises `CorrectionRefused`, also while a charge is under way.
    """

    def act(invoice: Invoice) -> Invoice:
        _check_it_stands(invoice, reason)
        if invoice.written_off_at:
            raise CorrectionRefused(f"{invoice.number} is written off already.")
        if invoice.owed_minor == 0:
            raise CorrectionRefused(f"Nothing is owed on {invoice.number}.")
        require_no_charge(invoice)
        invoice.written_off_at, invoice.write_off_reason = now, reason.strip()
        invoice.written_off_by_id, invoice.written_off_by_name = actor.id, actor.name[:200]
        invoice.save(
            update_fields=[
                "written_off_at",
                "write_off_reason",
                "written_off_by_id",
                "written_off_by_name",
            ]
        )
        _log(invoice, "invoice.written_off", reason, actor=actor, now=now)
        return invoice

    return change_balance(act, invoice_id=invoice_id, now=now, seen=seen)


def _check_it_stands(invoice: Invoice, reason: str) -> None:
    if invoice.voided_at:
        raise CorrectionRefused(f"{invoice.number} is void already.")
    if not reason.strip():
        raise CorrectionRefused("Give the reason: it is kept with the invoice.", field="reason")


def _settle_disputes(invoice: Invoice, *, actor: Actor, now: datetime) -> None:
    invoice.disputes.filter(state=LineDispute.State.OPEN).update(
        state=LineDispute.State.ACCEPTED,
        answer="The whole invoice was voided.",
        answered_by_id=actor.id,
        answered_by_name=actor.name[:200],
        answered_at=now,
    )


def _log(invoice: Invoice, action: str, reason: str, *, actor: Actor, now: datetime) -> None:
    amounts = invoice.amounts
    audit.record(
        actor=actor,
        action=action,
        subject=invoice.number,
        before={"owed": format_money(amounts.cancelled_minor, invoice.currency)},
        after={"reason": reason.strip()},
        now=now,
    )
