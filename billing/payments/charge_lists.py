"""Charge lists: the invoices that one card is to pay, charged oldest first, each once.

The list is fixed when it is made: by a new card (`billing.payments.new_card_charges`) or by a
person who pays all at once (`billing.payments.charge_orders`). Its invoices are charged one after
the other. An invoice whose earlier attempt still runs waits for that attempt; the next one is
charged meanwhile. After a decline the next invoice follows, unless the bank refuses the card for
good.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from billing.decline_reasons import AMOUNT_REFUSED
from billing.models import AnnouncedTransfer, ChargeAttempt, Invoice, PaymentMethod
from billing.payments import charging
from billing.payments.retries import next_attempt_at
from core.outbox.delivery import enqueue

State = ChargeAttempt.State
TRANSFER_ANNOUNCED = "A bank transfer of this invoice is announced."


@dataclass(frozen=True, slots=True)
class ChargeList:
    """The invoices that a card is to pay for one `cause`, by the messages of one topic.

    An attempt of the card is a result of the list unless it finished before `since`.
    """

    card: PaymentMethod
    invoice_ids: Sequence[int]
    cause: str
    topic: str
    payload: Mapping[str, int]
    since: datetime | None = None

    def counts(self, attempt: ChargeAttempt) -> bool:
        """Whether the attempt is a result of this list."""
        if attempt.stripe_payment_method_id != self.card.stripe_payment_method_id:
            return False
        finished_at, since = attempt.finished_at, self.since
        return finished_at is None or since is None or finished_at >= since

    def is_refused_for_good(self, attempt: ChargeAttempt) -> bool:
        """Whether the bank said that this card will never pay."""
        return (
            attempt.is_final and attempt.decline_code not in AMOUNT_REFUSED and self.counts(attempt)
        )


def start(charges: ChargeList, *, now: datetime) -> None:
    """Queue the first charge of a list, in the running transaction."""
    if charges.invoice_ids:
        _enqueue(charges, position=0, now=now)


def _enqueue(charges: ChargeList, *, position: int, now: datetime) -> None:
    enqueue(
        topic=charges.topic,
        key=f"{charges.cause}:{position}",
        payload={**charges.payload, "position": position},
        now=now,
    )


def charge_next(charges: ChargeList, *, position: int, now: datetime) -> ChargeAttempt | None:
    """Charge the list's invoice at this position, and queue the next one.

    Returns the attempt, which may be an unfinished one of the previous card. Returns None if
    nothing is owed or the card was replaced. Safe to repeat; raises as `charging.charge_invoice`.
    """
    invoice_id = charges.invoice_ids[position]
    # Finished for this list already: another charge came first, or the message came twice.
    of_card = ChargeAttempt.objects.filter(
        invoice_id=invoice_id,
        stripe_payment_method_id=charges.card.stripe_payment_method_id,
        finished_at__isnull=False,
    )
    earlier = next((each for each in of_card if charges.counts(each)), None)
    attempt = earlier or charging.charge_invoice(
        invoice_id=invoice_id, cause=charges.cause, card_id=charges.card.pk, now=now
    )
    is_refused = attempt is not None and charges.is_refused_for_good(attempt)
    if not is_refused and position + 1 < len(charges.invoice_ids):
        _enqueue(charges, position=position + 1, now=now)
    return attempt


class Outcome(Enum):
    """The state of one invoice of a charge list."""

    PAID = "paid"
    NOT_OWED = "not_owed"
    RUNNING = "running"
    WAITING = "waiting"
    TO_CONFIRM = "to_confirm"
    DECLINED = "declined"
    NOT_TRIED = "not_tried"


@dataclass(frozen=True, slots=True)
class ChargeResult:
    """An invoice of a charge list; `next_attempt_at` only after a decline to be retried."""

    invoice: Invoice
    outcome: Outcome
    reason: str = ""
    next_attempt_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether the outcome is still open and needs no action of a person."""
        return self.outcome in (Outcome.RUNNING, Outcome.WAITING)


def charge_results(charges: ChargeList) -> list[ChargeResult]:
    """Return the state of each invoice that the card was to pay, oldest first."""
    invoices = {
        invoice.pk: invoice
        for invoice in Invoice.objects.with_paid()
        .filter(pk__in=charges.invoice_ids)
        .prefetch_related("attempts")
    }
    announced = set(
        AnnouncedTransfer.objects.filter(
            invoice__in=charges.invoice_ids, state=AnnouncedTransfer.State.UNDER_WAY
        ).values_list("invoice_id", flat=True)
    )
    results: list[ChargeResult] = []
    is_refused = False
    for invoice_id in charges.invoice_ids:
        invoice = invoices[invoice_id]
        attempts = sorted(invoice.attempts.all(), key=lambda row: (row.created_at, row.pk))
        if invoice_id in announced:
            results.append(ChargeResult(invoice, Outcome.NOT_TRIED, TRANSFER_ANNOUNCED))
        else:
            results.append(_result(charges, invoice, attempts, is_refused=is_refused))
        is_refused = is_refused or any(charges.is_refused_for_good(row) for row in attempts)
    return results


def _result(
    charges: ChargeList, invoice: Invoice, attempts: list[ChargeAttempt], *, is_refused: bool
) -> ChargeResult:
    last = attempts[-1] if attempts else None
    if invoice.amounts.due_minor == 0:
        is_paid = invoice.status == Invoice.Status.PAID
        return ChargeResult(invoice, Outcome.PAID if is_paid else Outcome.NOT_OWED)
    if last and charges.counts(last):
        return _result_of_attempt(invoice, last)
    if charges.card.replaced_at:
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
