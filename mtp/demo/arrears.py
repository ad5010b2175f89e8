"""The demo's providers in arrears: one whose balance is 30 days old, and one that is suspended.

Their debts arise as those of any provider: months are closed, a card declines and its retries run
out, a transfer does not arrive. Only the agreed days to pay are chosen so that the stage is reached
when the demo is loaded.
"""

from datetime import datetime

from django.conf import settings
from django.db.models import Min

from accounts.models import Provider
from billing.dunning.status import look_at_dunning
from core.months import Month
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage
from mtp.demo.companies import Arrears, DemoProvider

# Since the due date: past the step of 30 days, and some days before the suspension.
DAYS_LATE = 33


def unpaid_month(plan: DemoProvider, *, months: list[Month], now: datetime) -> Month | None:
    """The month whose invoice is the oldest unpaid one: the latest issued long enough ago."""
    if plan.arrears is not Arrears.THIRTY_DAYS:
        return None
    return next(
        month
        for month in reversed(months[:-1])
        if _days_since_issue(plan, month, now=now) >= DAYS_LATE
    )


def days_to_pay(plan: DemoProvider, *, months: list[Month], now: datetime) -> int:
    """The contract's days to pay."""
    month = unpaid_month(plan, months=months, now=now)
    if month is None:
        return settings.INVOICE_TERMS_DAYS
    return _days_since_issue(plan, month, now=now) - DAYS_LATE


def _days_since_issue(plan: DemoProvider, month: Month, *, now: datetime) -> int:
    return (now.astimezone(plan.zone).date() - month.next.first_day).days


def pass_time(provider: Provider, *, since: datetime, until: datetime) -> None:
    """Do what becomes due for the provider between two instants, each at its own: retries, steps.

    In its schema.
    """
    at = since
    while at <= until:
        again_at = look_at_dunning(provider, at).again_at
        while deliver_due(now=at, schema=provider.schema_name):
            pass
        pending = OutboxMessage.objects.filter(
            schema_name=provider.schema_name, finished_at=None, dead_at=None, due_at__gt=at
        )
        coming = (pending.aggregate(at=Min("due_at"))["at"], again_at)
        later = [instant for instant in coming if instant is not None and instant > at]
        if not later:
            return
        at = min(later)
