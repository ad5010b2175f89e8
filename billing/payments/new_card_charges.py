"""A new card pays what is outstanding: every invoice, oldest first, each once.

The invoices are fixed when the card becomes the default. They are charged one after the other; one
whose earlier attempt still runs waits for it and holds up no other. A decline ends only that
invoice's turn, unless the bank refuses the card for good: then no further invoice is tried.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from django.db.models import QuerySet

from billing import topics
from billing.models import ChargeAttempt, Chargeback, Invoice, PaymentMethod
from billing.payments import charging
from billing.payments.retries import NEVER_AGAIN, next_attempt_at
from core.outbox.delivery import enqueue

State = ChargeAttempt.State


def invoices_to_charge() -> list[int]:
    """The invoices that a new card is to pay, oldest first: none that a bank took back."""
    owed = Invoice.objects.outstanding().exclude(pk__in=_taken_back())
    return list(owed.oldest_first().values_list("pk", flat=True))


def _taken_back() -> QuerySet[Chargeback, int]:
    lost = Chargeback.objects.filter(state=Chargeback.State.LOST)
    return lost.values_list("payment__invoice_id", flat=True)


def start_new_card_charges(card: PaymentMethod, *, now: datetime) -> None:
    """Order the charges of a card that became the default, in the running transaction."""
    if card.invoices_to_charge:
        _order(card, position=0, now=now)


def _order(card: PaymentMethod, *, position: int, now: datetime) -> None:
    enqueue(
        topic=topics.NEW_CARD_CHARGES,
        key=f"card:{card.pk}:{position}",
        payload={"card_id": card.pk, "position": position},
        now=now,
    )


def charge_next(*, card_id: int, position: int, now: datetime) -> ChargeAttempt | None:
    """Charge the card's invoice at this position, and order the next one's turn.

    Returns the attempt as it stands, perhaps an unfinished one of the card before; None where
    nothing is owed or the card was replaced. Safe to repeat; raises as `charging.charge_invoice`.
    """
    card = PaymentMethod.objects.get(pk=card_id)
    invoice_id = card.invoices_to_charge[position]
    attempt = _tried_already(card, invoice_id) or charging.charge_invoice(
        invoice_id=invoice_id, cause=cause_of(card), card_id=card.pk, now=now
    )
    is_refused = attempt is not None and _is_refused_for_good(attempt, card)
    if not is_refused and position + 1 < len(card.invoices_to_charge):
        _order(card, position=position + 1, now=now)
    return attempt


def cause_of(card: PaymentMethod) -> str:
    """What attempts say that this card's coming asked for."""
    return f"card:{card.pk}"


def _tried_already(card: PaymentMethod, invoice_id: int) -> ChargeAttempt | None:
    """A finished attempt with this very card: the close came first, or the message came twice."""
    return ChargeAttempt.objects.filter(
        invoice_id=invoice_id,
        stripe_payment_method_id=card.stripe_payment_method_id,
        finished_at__isnull=False,
    ).first()


def _is_refused_for_good(attempt: ChargeAttempt, card: PaymentMethod) -> bool:
    return (
        attempt.state == State.FAILED
        and attempt.decline_code in NEVER_AGAIN
        and attempt.stripe_payment_method_id == card.stripe_payment_method_id
    )


class Outcome(Enum):
    """What happened, or is happening, to one invoice of a card's round."""

    PAID = "paid"
    NOT_OWED = "not_owed"
    RUNNING = "running"
    WAITING = "waiting"
    TO_CONFIRM = "to_confirm"
    DECLINED = "declined"
    NOT_TRIED = "not_tried"


@dataclass(frozen=True, slots=True)
class ChargeResult:
    """One invoice of a card's round; `next_attempt_at` only after a decline that is retried."""

    invoice: Invoice
    outcome: Outcome
    reason: str = ""
    next_attempt_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether the answer is still to come by itself."""
        return self.outcome in (Outcome.RUNNING, Outcome.WAITING)


def charge_results(card: PaymentMethod) -> list[ChargeResult]:
    """What became of each invoice that the card was to pay, oldest first."""
    invoices = {
        invoice.pk: invoice
        for invoice in Invoice.objects.with_paid()
        .filter(pk__in=card.invoices_to_charge)
        .prefetch_related("attempts")
    }
    found: list[ChargeResult] = []
    is_refused = False
    for invoice_id in card.invoices_to_charge:
        invoice = invoices[invoice_id]
        attempts = sorted(invoice.attempts.all(), key=lambda row: (row.created_at, row.pk))
        found.append(_turn(invoice, attempts, card=card, is_refused=is_refused))
        is_refused = is_refused or any(_is_refused_for_good(row, card) for row in attempts)
    return found


def _turn(
    invoice: Invoice, attempts: list[ChargeAttempt], *, card: PaymentMethod, is_refused: bool
) -> ChargeResult:
    last = attempts[-1] if attempts else None
    if invoice.amounts.due_minor == 0:
        is_paid = invoice.status == Invoice.Status.PAID
        return ChargeResult(invoice, Outcome.PAID if is_paid else Outcome.NOT_OWED)
    if last and last.stripe_payment_method_id == card.stripe_payment_method_id:
        return _tried(invoice, last)
    if card.replaced_at:
        return ChargeResult(invoice, Outcome.NOT_TRIED, "A newer card has taken over.")
    if last and last.finished_at is None:
        return ChargeResult(
            invoice, Outcome.WAITING, "An earlier charge of this invoice is still running."
        )
    if is_refused:
        return ChargeResult(invoice, Outcome.NOT_TRIED, "Your bank refused the card for good.")
    return ChargeResult(invoice, Outcome.WAITING)


def _tried(invoice: Invoice, attempt: ChargeAttempt) -> ChargeResult:
    if attempt.state == State.FAILED:
        return ChargeResult(
            invoice, Outcome.DECLINED, attempt.failure_message, next_attempt_at(invoice)
        )
    if attempt.state == State.NEEDS_CONFIRMATION:
        return ChargeResult(invoice, Outcome.TO_CONFIRM, attempt.failure_message)
    if attempt.state == State.SUCCEEDED:
        # It was paid in its turn; what is owed again came later.
        return ChargeResult(invoice, Outcome.PAID)
    return ChargeResult(invoice, Outcome.RUNNING)
