"""How a correction is made: alone with the invoice, and with no charge of it under way.

Whatever lowers what an invoice owes must not race a charge of the old amount: an attempt that waits
for a person is withdrawn first, and any other has to end before.
"""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from django.db import transaction

from billing import topics
from billing.dunning.status import update_dunning
from billing.gateway import client as gateway
from billing.models import ChargeAttempt, Invoice
from billing.models.invoice_amounts import Amounts
from billing.models.payments import WITHDRAWN
from billing.payments import charging
from core.outbox.delivery import enqueue

T = TypeVar("T")
_MOST_WITHDRAWALS = 3


class CorrectionRefused(Exception):
    """Nothing was changed; the message is for people. `field` names what has to be changed."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class ChargeIsRunning(CorrectionRefused):
    """A charge of the invoice is under way whose outcome is not known yet."""


class _MustWithdraw(Exception):
    def __init__(self, attempt: ChargeAttempt) -> None:
        super().__init__()
        self.attempt = attempt


def change_balance(
    act: Callable[[Invoice], T], *, invoice_id: int, now: datetime, seen: Amounts | None = None
) -> T:
    """Run `act` with the locked invoice in a transaction of its own, and what follows from it.

    `act` calls `require_no_charge` once it has nothing left to refuse. `seen` are the amounts that
    the person decided by: where others hold now, nothing is done. Raises `CorrectionRefused`.
    """
    for _ in range(_MOST_WITHDRAWALS):
        try:
            with transaction.atomic():
                invoice = Invoice.objects.select_for_update().get(pk=invoice_id)
                _require_unchanged(invoice, seen)
                done = act(invoice)
                after_balance_change(invoice, now=now)
                return done
        except _MustWithdraw as waiting:
            _withdraw(waiting.attempt, now=now)
    raise ChargeIsRunning(f"{invoice.number} is being paid right now. Look again in a minute.")


def _require_unchanged(invoice: Invoice, seen: Amounts | None) -> None:
    if seen is not None and invoice.amounts != seen:
        raise CorrectionRefused(
            f"The amounts of {invoice.number} changed since this page was opened. "
            "Look at them again before you decide."
        )


def require_no_charge(invoice: Invoice) -> None:
    """Refuse while a charge of the locked invoice runs; one that waits for a person is withdrawn.

    Raises `ChargeIsRunning`, or what makes `change_balance` withdraw the attempt and begin anew.
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
    except gateway.GatewayError as away:
        raise ChargeIsRunning(
            "A payment of this invoice waits for its card holder, and Stripe did not answer when "
            "it was to be withdrawn. Try again in a minute."
        ) from away


def after_balance_change(invoice: Invoice, *, now: datetime) -> None:
    """What a change of the amounts brings: the standing, and a withdrawn charge begun anew."""
    update_dunning(now=now)
    last: ChargeAttempt | None = invoice.attempts.order_by("-pk").first()
    is_withdrawn = last is not None and last.decline_code == WITHDRAWN and not last.is_on_session
    if last is not None and is_withdrawn and invoice.amounts.due_minor > 0:
        enqueue(
            topic=topics.CHARGE,
            key=f"again:{last.pk}",
            payload={"invoice_id": invoice.pk, "cause": f"again:{last.pk}"},
            now=now,
        )
