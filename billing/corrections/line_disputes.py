"""Line disputes: a billing admin does not accept a line of an invoice.

The line is neither charged nor dunned until operations answer. If they accept, it is credited. If
they decline, its unpaid part is due again from the day of the answer.
"""

from datetime import datetime

from django.db import transaction

from accounts.providers import current_provider
from billing import topics
from billing.choices import Collection
from billing.corrections import mails
from billing.corrections.credits import credit, left_to_credit, note_for_lines
from billing.dunning.status import update_dunning
from billing.models import Invoice, InvoiceLine, LineDispute, PaymentMethod
from billing.money import format_money
from billing.payments.balance_lock import CorrectionRefused, change_balance, invoice_token
from billing.seen import require_seen, seen_token
from core.actors import Actor
from core.outbox.delivery import enqueue
from tenants import audit

State = LineDispute.State


@transaction.atomic
def open_dispute(*, line: InvoiceLine, reason: str, actor: Actor, now: datetime) -> LineDispute:
    """Dispute a line of an invoice, paid or not, and mail operations.

    The disputed amount is what can still be credited of the line, with tax. Raises
    `CorrectionRefused` without a reason, for a line without an amount, a line that was disputed
    before, and a void invoice.
    """
    invoice = Invoice.objects.select_for_update().get(pk=line.invoice_id)
    if not reason.strip():
        raise CorrectionRefused("Say what is wrong with this line.", field="reason")
    dispute = LineDispute.objects.create(
        invoice=invoice,
        line=line,
        amount_minor=disputable_minor(line, invoice=invoice),
        currency=invoice.currency,
        reason=reason.strip(),
        opened_by_id=actor.id,
        opened_by_name=actor.name[:200],
        opened_at=now,
    )
    _log(dispute, "dispute.opened", {"reason": dispute.reason}, actor=actor, now=now)
    mails.queue_dispute_mail(dispute=dispute, provider=current_provider(), now=now)
    update_dunning(now=now)
    return dispute


def disputable_minor(line: InvoiceLine, *, invoice: Invoice) -> int:
    """Return the line's remaining amount with tax; raises `CorrectionRefused` if not disputable."""
    if invoice.voided_at:
        raise CorrectionRefused(f"{invoice.number} is void: nothing of it is to be paid.")
    if invoice.written_off_at:
        raise CorrectionRefused(f"{invoice.number} is written off: nothing of it is to be paid.")
    if line.disputes.exists():
        raise CorrectionRefused("This line was disputed before.")
    _, split = note_for_lines(invoice, [line])
    return split.total_minor


def dispute_token(dispute: LineDispute) -> str:
    """The token of a dispute: its state, and its invoice."""
    return seen_token(dispute.pk, dispute.state, invoice_token(dispute.invoice))


def accept_dispute(
    *, dispute_id: int, answer: str, actor: Actor, now: datetime, seen: str | None = None
) -> LineDispute:
    """Credit the remaining amount of the disputed line, if any, and mail the answer.

    Raises `ChangedSince` and `CorrectionRefused`, also while a charge of the invoice runs.
    """

    def accept(invoice: Invoice) -> LineDispute:
        dispute = _open(dispute_id, seen)
        reason = answer.strip() or "The line was credited."
        if left_to_credit(invoice, dispute.line):
            note_lines, split = note_for_lines(invoice, [dispute.line])
            dispute.credit_note = credit(
                invoice, split, note_lines, reason=reason[:500], actor=actor, now=now
            )
        _answer(dispute, State.ACCEPTED, reason, actor=actor, now=now)
        return dispute

    return change_balance(accept, invoice_id=_invoice_id(dispute_id), now=now)


@transaction.atomic
def decline_dispute(
    *, dispute_id: int, answer: str, actor: Actor, now: datetime, seen: str | None = None
) -> LineDispute:
    """Keep the line: mail the answer, and charge and dun its unpaid part again.

    Raises `ChangedSince`, and `CorrectionRefused` without an answer.
    """
    invoice = Invoice.objects.select_for_update().get(pk=_invoice_id(dispute_id))
    dispute = _open(dispute_id, seen)
    if not answer.strip():
        raise CorrectionRefused("Give the answer: the provider reads it.", field="answer")
    _answer(dispute, State.DECLINED, answer.strip(), actor=actor, now=now)
    update_dunning(now=now)
    has_card = PaymentMethod.objects.current() is not None
    if invoice.collection == Collection.AUTOMATIC and has_card and invoice.amounts.due_minor:
        cause = f"dispute:{dispute.pk}"
        enqueue(
            topic=topics.CHARGE,
            key=f"{cause}:{invoice.pk}",
            payload={"invoice_id": invoice.pk, "cause": cause},
            now=now,
        )
    return dispute


def _invoice_id(dispute_id: int) -> int:
    return LineDispute.objects.values_list("invoice_id", flat=True).get(pk=dispute_id)


def _open(dispute_id: int, seen: str | None) -> LineDispute:
    dispute = LineDispute.objects.select_related("invoice", "line").get(pk=dispute_id)
    if dispute.state != State.OPEN:
        raise CorrectionRefused(
            f"{dispute.answered_by_name} answered this dispute already: "
            f"{dispute.get_state_display().lower()}."
        )
    if seen is not None:
        require_seen(seen, now=dispute_token(dispute), subject=dispute.invoice.number)
    return dispute


def _answer(
    dispute: LineDispute, state: LineDispute.State, answer: str, *, actor: Actor, now: datetime
) -> None:
    dispute.state, dispute.answer = state, answer[:1000]
    dispute.answered_by_id, dispute.answered_by_name = actor.id, actor.name[:200]
    dispute.answered_at = now
    dispute.save()
    _log(dispute, f"dispute.{state}", {"answer": dispute.answer}, actor=actor, now=now)
    mails.queue_dispute_answer_mail(dispute=dispute, now=now)


def _log(
    dispute: LineDispute, action: str, text: dict[str, str], *, actor: Actor, now: datetime
) -> None:
    audit.record(
        actor=actor,
        action=action,
        subject=f"{dispute.invoice.number}, line {dispute.line.position}",
        after={"amount": format_money(dispute.amount_minor, dispute.currency), **text},
        now=now,
    )
