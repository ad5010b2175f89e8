"""Refunds in the provider's audit log."""

from datetime import datetime

from billing.models import Refund
from billing.money import format_money
from core.actors import Actor
from tenants import audit


def log_refund(refund: Refund, action: str, *, actor: Actor, now: datetime) -> None:
    """A row for each step of a refund: ordered, paid back, failed."""
    audit.record(
        actor=actor,
        action=action,
        subject=refund.payment.invoice.number,
        after={
            "amount": format_money(refund.amount_minor, refund.currency),
            "method": refund.payment.get_method_display(),
            "reason": refund.reason,
            **({"reference": refund.reference} if refund.reference else {}),
            **({"failure": refund.failure_message} if refund.failure_message else {}),
        },
        now=now,
    )
