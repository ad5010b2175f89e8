"""Changes of an invoice's balance, under a lock and while no charge runs.

A change that lowers what an invoice owes must not race a charge of the old amount. An attempt that
waits for the card holder is withdrawn first; any other attempt has to finish first.
"""

from collections.abc import Callable
from dataclasses import astuple
from datetime import datetime
from typing import TypeVar

from django.db import transaction

from billing import topics
from billing.decline_reasons import WITHDRAWN
from billing.dunning.status import update_dunning
from billing.gateway import client as gateway
from billing.models import ChargeAttempt, Invoice, Refund
from billing.payments import charging
from billing.payments.transfers_under_way import State, end_transfer, transfer_under_way
from billing.seen import ChangeRefused, require_seen, seen_token
from core.actors import SYSTEM_ACTOR
from core.outbox.delivery import enqueue

T = TypeVar("T")
_MOST_WITHDRAWALS = 3


class CorrectionRefused(ChangeRefused):
    """The correction is not possible."""


class ChargeIsRunning(CorrectionRefused):
    """A charge of the invoice is running and its outcome is not known yet."""


class _MustWithdraw(Exception):
    def __init__(self, attempt: ChargeAttempt) -> None:
        super().__init__()
        self.attempt = attempt


def change_balance(
    change: Callable[[Invoice], T], *, invoice_id: int, now: datetime, seen: str | None = None
) -> T:
    """Run `change` with the locked invoice in one transaction, then update dunning and charges.

    `change` calls `require_no_charge` after its own checks. `seen` is the `invoice_token` on which
    the person decided: if the invoice has another one now, nothing changes. Raises `ChangedSince`
    and `CorrectionRefused`.
    """
    for _ in range(_MOST_WITHDRAWALS):
        try:
            with transaction.atomic():
                invoice = Invoice.objects.select_for_update().get(pk=invoice_id)
                require_seen_invoice(invoice, seen)
                result = change(invoice)
                _after_change(invoice, now=now)
                return result
        except _MustWithdraw as waiting:
            _withdraw(waiting.attempt, now=now)
    raise ChargeIsRunning(f"{invoice.number} is being paid right now. Look again in a minute.")


def invoice_token(invoice: Invoice) -> str:
    """The token of the invoice's amounts and of the corrections that can leave them as they were.

    A refund that fails gives its amount back, and an invoice that is issued again stays void.
    """
    refunds = Refund.objects.filter(payment__invoice=invoice).count()
    replaced = Invoice.objects.filter(replaces=invoice).count()
    return seen_token(invoice.pk, astuple(invoice.amounts), refunds, replaced)


def require_seen_invoice(invoice: Invoice, seen: str | None) -> None:
    """Raise `ChangedSince` if the locked invoice is not as the person saw it."""
    if seen is not None:
        require_seen(seen, now=invoice_token(invoice), subject=invoice.number)


def require_no_charge(invoice: Invoice) -> None:
    """Refuse while a charge of the locked invoice runs.

    Raises `ChargeIsRunning`. For an attempt that waits for the card holder, it makes
    `change_balance` withdraw that attempt and start again.
    """
    attempt: ChargeAttempt | None = invoice.attempts.filter(finished_at=None).first()
    if attempt is None:
        return
    if attempt.state == ChargeAttempt.State.NEEDS_CONFIRMATION:
        raise _MustWithdraw(attempt)
    raise ChargeIsRunning(
        f"A charge of {invoice.number} is under way. Its outcome is usually known within a minute: "
        "try again then."
    )


def _withdraw(attempt: ChargeAttempt, *, now: datetime) -> None:
    try:
        charging.withdraw(attempt, now=now)
    except gateway.GatewayError as error:
        raise ChargeIsRunning(
            "A payment of this invoice waits for its card holder, and Stripe did not answer when "
            "it was to be withdrawn. Try again in a minute."
        ) from error


def _after_change(invoice: Invoice, *, now: datetime) -> None:
    """Update the dunning status, and charge again what a withdrawn attempt was to charge.

    An announced transfer ends once nothing is due; until then nothing is charged.
    """
    update_dunning(now=now)
    transfer = transfer_under_way(invoice)
    if transfer is not None:
        if invoice.amounts.due_minor == 0:
            end_transfer(transfer, state=State.SETTLED, actor=SYSTEM_ACTOR, now=now)
        return
    last: ChargeAttempt | None = invoice.attempts.order_by("-pk").first()
    is_withdrawn = last is not None and last.decline_code == WITHDRAWN and not last.is_on_session
    if last is not None and is_withdrawn and invoice.amounts.due_minor > 0:
        enqueue(
            topic=topics.CHARGE,
            key=f"again:{last.pk}",
            payload={"invoice_id": invoice.pk, "cause": f"again:{last.pk}"},
            now=now,
        )
