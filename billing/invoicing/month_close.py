"""Closing a month: freeze it, rate it, issue its invoices, once (docs/decisions/0006)."""

from collections.abc import Iterator
from datetime import date, datetime
from itertools import chain

from django.db import connection, transaction

from accounts.models import Provider
from billing.contracts.free_allowance import was_free
from billing.invoicing.issue import deliveries_of, issue_invoices
from billing.invoicing.month_plan import MonthPlan, plan_month
from billing.models import Contract, Invoice, MonthClose
from billing.money import format_money
from core.months import Month
from core.outbox.delivery import enqueue_all
from core.schema import provider_schema
from usage.formatting import counted_noun
from usage.ledger.month_freeze import freeze_month

# Its commit need not reach the disk: a run row that a crash of the server takes is written again.
START_RUN = """
    INSERT INTO billing_monthclose (month, started_at, invoices, total_minor, outcome)
    SELECT %(month)s, %(now)s, 0, 0, ''
    FROM set_config('synchronous_commit', 'off', true)
    ON CONFLICT (month) DO NOTHING
"""
FIRST_AND_CLOSED = """
    SELECT least((SELECT min(month) FROM usage_monthlyusage),
                 (SELECT min(starts_on) FROM billing_contract)),
           array(SELECT month FROM billing_monthclose WHERE issued_at IS NOT NULL)
"""


class CloseRefused(Exception):
    """The month can't be closed; nothing was changed. The message is for people."""


class MonthNotOver(CloseRefused):
    """The month still runs in the provider's billing zone."""


class MonthAlreadyClosed(CloseRefused):
    """Its invoices were issued before, perhaps by another process just now."""


class NothingHappenedYet(CloseRefused):
    """The month lies before the provider's first metered or contracted one."""


def close_month(*, provider: Provider, month: Month, now: datetime) -> MonthClose:
    """Close a month of the provider and issue its invoices; documents, mail and charges follow.

    The run's row commits first and the rest in one transaction, so that a close that was killed is
    resumed by closing again, and of two at once one waits and finds it done. Raises `MonthNotOver`,
    `MonthAlreadyClosed` or `NothingHappenedYet`.
    """
    zone = provider.billing_zone()
    if now < month.ends_at(zone):
        ends = month.ends_at(zone).astimezone(zone)
        raise MonthNotOver(
            f"{month} is not over for {provider.name}: it ends {ends:%-d %B %Y, %H:%M} ({zone})."
        )
    with provider_schema(provider):
        first = first_month()
        if first and month < first:
            raise NothingHappenedYet(
                f"{provider.name} has nothing to close in {month}: its first month is {first}."
            )
        return _close(provider=provider, month=month, now=now)


def close_due_months(*, provider: Provider, now: datetime) -> int:
    """Close each due month of a provider, oldest first; returns how many were closed here."""
    closed = 0
    with provider_schema(provider):
        for month in due_months(provider=provider, now=now):
            try:
                _close(provider=provider, month=month, now=now)
            except MonthAlreadyClosed:
                continue
            closed += 1
    return closed


def _close(*, provider: Provider, month: Month, now: datetime) -> MonthClose:
    with connection.cursor() as cursor:
        cursor.execute(START_RUN, {"month": month.first_day, "now": now})
    return _issue_month(provider=provider, month=month, now=now)


def due_months(*, provider: Provider, now: datetime) -> list[Month]:
    """Months over in the provider's zone and not closed, oldest first; in its schema."""
    first, closed = _first_and_closed()
    if first is None:
        return []
    running = Month.of(now, provider.billing_zone())
    return [month for month in _months(first, running) if month.first_day not in closed]


def first_month() -> Month | None:
    """The current provider's first metered or contracted month; None when it has neither."""
    return _first_and_closed()[0]


def _first_and_closed() -> tuple[Month | None, set[date]]:
    with connection.cursor() as cursor:
        cursor.execute(FIRST_AND_CLOSED)
        first, closed = cursor.fetchone()
    return Month.of_day(first) if first else None, set(closed)


def _months(first: Month, end: Month) -> Iterator[Month]:
    month = first
    while month < end:
        yield month
        month = month.next


@transaction.atomic(durable=True)
def _issue_month(*, provider: Provider, month: Month, now: datetime) -> MonthClose:
    zone = provider.billing_zone()
    run = MonthClose.objects.select_for_update().get(month=month.first_day)
    if run.issued_at:
        raise MonthAlreadyClosed(f"{month} of {provider.name} is closed: {run.outcome}")
    freeze_month(month=month, zone=zone)
    plan = plan_month(month=month)
    invoices = _issue(provider=provider, plan=plan, now=now)
    run.issued_at = now
    run.invoices = len(invoices)
    run.total_minor = sum(invoice.total_minor for invoice in invoices)
    run.outcome = _outcome(run, plan.contract)
    run.last_event_id = plan.last_event_id
    run.save()
    return run


def _outcome(run: MonthClose, contract: Contract | None) -> str:
    if contract is None:
        reason = "Free allowance" if was_free(Month.of_day(run.month)) else "No contract in force"
        return f"{reason}, nothing to invoice"
    if not run.invoices:
        return "Nothing is owed, nothing to invoice"
    amount = format_money(run.total_minor, contract.currency)
    return f"{counted_noun(run.invoices, 'invoices')}, {amount}"


def _issue(*, provider: Provider, plan: MonthPlan, now: datetime) -> list[Invoice]:
    if plan.contract is None:
        return []
    invoices = issue_invoices(
        provider=provider,
        contract=plan.contract,
        profile=plan.profile,
        drafts=plan.drafts,
        month=plan.month,
        now=now,
    )
    enqueue_all(messages=chain.from_iterable(map(deliveries_of, invoices)), now=now)
    return invoices
