"""New-card charges: a new card is charged for its invoices, oldest first, each once.

The list of invoices (`billing.payments.card_invoices`) is fixed when the card becomes the default.
They are charged one after the other. An invoice whose earlier attempt still runs waits for that
attempt; the next one is charged meanwhile. After a decline the next invoice follows, unless the
bank refuses the card for good.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from billing import topics
from billing.decline_reasons import AMOUNT_REFUSED
from billing.models import AnnouncedTransfer, ChargeAttempt, Invoice, PaymentMethod
from billing.payments import charging
from billing.payments.retries import next_attempt_at
from core.outbox.delivery import enqueue

State = ChargeAttempt.State
TRANSFER_ANNOUNCED = "A bank transfer of this invoice is announced."


def start_new_card_charges(card: PaymentMethod, *, now: datetime) -> None:
    """Queue the charges of a card that became the default, in the running transaction."""
    if card.invoices_to_charge:
        _enqueue(card, position=0, now=now)


def _enqueue(card: PaymentMethod, *, position: int, now: datetime) -> None:
    enqueue(
        topic=topics.NEW_CARD_CHARGES,
        key=f"card:{card.pk}:{position}",
        payload={"card_id": card.pk, "position": position},
        now=now,
    )


def charge_next(*, card_id: int, position: int, now: datetime) -> ChargeAttempt | None:
    """Charge the card's invoice at this position, and queue the next one.

    Returns the attempt, which may be an unfinished one of the previous card. Returns None if
    nothing is owed or the card was replaced. Safe to repeat; raises as `charging.charge_invoice`.
    """
    card = PaymentMethod.objects.get(pk=card_id)
    invoice_id = card.invoices_to_charge[position]
    # Finished with this card already: the close charged it first, or the message came twice.
    earlier = ChargeAttempt.objects.filter(
        invoice_id=invoice_id,
        stripe_payment_method_id=card.stripe_payment_method_id,
        finished_at__isnull=False,
    ).first()
    attempt = earlier or charging.charge_invoice(
        invoice_id=invoice_id, cause=f"card:{card.pk}", card_id=card.pk, now=now
    )
    is_refused = attempt is not None and _is_refused_for_good(attempt, card)
    if not is_refused and position + 1 < len(card.invoices_to_charge):
        _enqueue(card, position=position + 1, now=now)
    return attempt


def _is_refused_for_good(attempt: ChargeAttempt, card: PaymentMethod) -> bool:
    return (
        attempt.is_final
        and attempt.decline_code not in AMOUNT_REFUSED
        and attempt.stripe_payment_method_id == card.stripe_payment_method_id
    )


class Outcome(Enum):
    """The state of one invoice among a new card's charges."""

    PAID = "paid"
    NOT_OWED = "not_owed"
    RUNNING = "running"
    WAITING = "waiting"
    TO_CONFIRM = "to_confirm"
    DECLINED = "declined"
    NOT_TRIED = "not_tried"


@dataclass(frozen=True, slots=True)
class ChargeResult:
    """An invoice of a new card's charges; `next_attempt_at` only after a decline to be retried."""

    invoice: Invoice
    outcome: Outcome
    reason: str = ""
    next_attempt_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether the outcome is still open and needs no action of a person."""
        return self.outcome in (Outcome.RUNNING, Outcome.WAITING)


def charge_results(card: PaymentMethod) -> list[ChargeResult]:
    """Return the state of each invoice that the card was to pay, oldest first."""
    invoices = {
        invoice.pk: invoice
        for invoice in Invoice.objects.with_paid()
        .filter(pk__in=card.invoices_to_charge)
        .prefetch_related("attempts")
    }
    announced = set(
        AnnouncedTransfer.objects.filter(
            invoice__in=card.invoices_to_charge, state=AnnouncedTransfer.State.UNDER_WAY
        ).values_list("invoice_id", flat=True)
    )
    results: list[ChargeResult] = []
    is_refused = False
    for invoice_id in card.invoices_to_charge:
        invoice = invoices[invoice_id]
        attempts = sorted(invoice.attempts.all(), key=lambda row: (row.created_at, row.pk))
        if invoice_id in announced:
            results.append(ChargeResult(invoice, Outcome.NOT_TRIED, TRANSFER_ANNOUNCED))
        else:
            results.append(_result(invoice, attempts, card=card, is_refused=is_refused))
        is_refused = is_refused or any(_is_refused_for_good(row, card) for row in attempts)
    return results


def _result(
    invoice: Invoice, attempts: list[ChargeAttempt], *, card: PaymentMethod, is_refused: bool
) -> ChargeResult:
    last = attempts[-1] if attempts else None
    if invoice.amounts.due_minor == 0:
        is_paid = invoice.status == Invoice.Status.PAID
        return ChargeResult(invoice, Outcome.PAID if is_paid else Outcome.NOT_OWED)
    if last and last.stripe_payment_method_id == card.stripe_payment_method_id:
        return _result_of_attempt(invoice, last)
    if card.replaced_at:
        return ChargeResult(invoice, Outcome.NOT_TRIED, "This card is no longer on file.")
    if last and last.finished_at is None:
        return ChargeResult(
            invoice, Outcome.WAITING, "An earlier charge of this invoice is still running."
        )
    if is_refused:
        return ChargeResult(invoice, Outcome.NOT_TRIED, "Your bank refused the card for good.")
    return ChargeResult(invoice, Outcome.WAITING)


def _result_of_attempt(invoice: Invoice, attempt: ChargeAttempt) -> ChargeResult:
    if attempt.state == State.FAILED:
        return ChargeResult(invoice, Outcome.DECLINED, attempt.reason, next_attempt_at(invoice))
    if attempt.state == State.NEEDS_CONFIRMATION:
        return ChargeResult(invoice, Outcome.TO_CONFIRM, attempt.reason)
    if attempt.state == State.SUCCEEDED:
        # The card paid it; the amount that is owed now became due later.
        return ChargeResult(invoice, Outcome.PAID)
    return ChargeResult(invoice, Outcome.RUNNING)
