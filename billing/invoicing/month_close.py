"""The close of a month: freeze it, rate it and issue its invoices once (docs/decisions/0006)."""

from datetime import date, datetime, timedelta
from itertools import chain

from django.db import connection, transaction

from accounts.models import Provider
from billing import topics
from billing.contracts.free_allowance import was_free
from billing.invoicing.issue import deliveries_of, issue_invoices
from billing.invoicing.month_plan import plan_month
from billing.invoicing.small_balances import carry, locked_small_balances, write_off_old
from billing.models import Contract, Invoice, MonthClose
from billing.money import format_money
from core.months import Month, day_starts_at
from core.outbox.delivery import enqueue, enqueue_all
from core.schema import provider_schema
from core.telemetry.counters import MONTHS_CLOSED
from usage.formatting import counted_noun
from usage.ledger.combined_peak import freeze_combined_peak
from usage.ledger.month_freeze import freeze_month

# The commit need not reach the disk: if a crash loses the row, the next run writes it again.
START_RUN = """
    INSERT INTO billing_monthclose (month, started_at, invoices, total_minor, outcome)
    SELECT %(month)s, %(now)s, 0, 0, ''
    FROM set_config('synchronous_commit', 'off', true)
    ON CONFLICT (month) DO NOTHING
"""
FIRST_AND_CLOSED = """
    SELECT least((SELECT min(month) FROM usage_monthlyusage WHERE high_water_mark > 0),
                 (SELECT min(starts_on) FROM billing_contract)),
           array(SELECT month FROM billing_monthclose WHERE issued_at IS NOT NULL)
"""


class CloseRefused(Exception):
    """The month can't be closed; nothing has changed. The message is shown to the user."""


class MonthNotOver(CloseRefused):
    """The month has not ended in the provider's billing zone."""


class MonthAlreadyClosed(CloseRefused):
    """The invoices were already issued, perhaps just now by another process."""


class BeforeFirstMonth(CloseRefused):
    """The month is before the first one with usage or a contract."""


def close_month(*, provider: Provider, month: Month, now: datetime) -> MonthClose:
    """Close a month of the provider and issue its invoices.

    The outbox then renders documents, sends mails and charges cards. The `MonthClose` row commits
    first and the rest in one transaction: a killed close resumes when it is called again, and of
    two concurrent closes one waits and raises `MonthAlreadyClosed`. Raises also `MonthNotOver` and
    `BeforeFirstMonth`.
    """
    zone = provider.billing_zone()
    if month > last_month_over(provider=provider, now=now):
        ends = month.ends_at(zone).astimezone(zone)
        raise MonthNotOver(
            f"{month} is not over for {provider.name}: it ends {ends:%-d %B %Y, %H:%M} ({zone})."
        )
    with provider_schema(provider):
        first = first_month()
        if first and month < first:
            raise BeforeFirstMonth(
                f"{provider.name} has nothing to close in {month}: its first month is {first}."
            )
        return _close(provider=provider, month=month, now=now)


def close_due_months(*, provider: Provider, now: datetime) -> int:
    """Close each due month of a provider, oldest first; returns how many this call closed."""
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
    """Months over and not closed whose issue day has begun, oldest first.

    Operations may close earlier: the month is over on the 1st.
    """
    over = unclosed_months(provider=provider, now=now)
    return [month for month in over if close_due_at(provider=provider, month=month) <= now]


def unclosed_months(*, provider: Provider, now: datetime) -> list[Month]:
    """Months that ended in the current provider's zone and are not closed, oldest first."""
    first, closed = _first_and_closed()
    if first is None:
        return []
    last = last_month_over(provider=provider, now=now)
    over, month = [], first
    while month <= last:
        if month.first_day not in closed:
            over.append(month)
        month = month.next
    return over


def close_due_at(*, provider: Provider, month: Month) -> datetime:
    """When the schedule closes the month: as its issue day begins, in the provider's zone.

    What is unclosed when a provider leaves is due at that instant.
    """
    issued_at = day_starts_at(day=provider.issue_date(month), zone=provider.billing_zone())
    return min(issued_at, provider.leaves_at or issued_at)


def last_month_over(*, provider: Provider, now: datetime) -> Month:
    """The last month whose usage is complete: the one before the running month.

    Of a provider that has left, it is the month in which it left, whose part is billed.
    """
    zone = provider.billing_zone()
    if provider.leaves_at is not None and provider.leaves_at <= now:
        return Month.of(provider.leaves_at - timedelta(microseconds=1), zone)
    return Month.of(now, zone).previous


def first_month() -> Month | None:
    """The current provider's first month with usage or a contract; None without either."""
    return _first_and_closed()[0]


def _first_and_closed() -> tuple[Month | None, set[date]]:
    with connection.cursor() as cursor:
        cursor.execute(FIRST_AND_CLOSED)
        first, closed = cursor.fetchone()
    return Month.of_day(first) if first else None, set(closed)


@transaction.atomic(durable=True)
def _issue_month(*, provider: Provider, month: Month, now: datetime) -> MonthClose:
    run = MonthClose.objects.select_for_update().get(month=month.first_day)
    if run.issued_at:
        raise MonthAlreadyClosed(f"{month} of {provider.name} is closed: {run.outcome}")
    freeze_month(month=month, zone=provider.billing_zone())
    balances = locked_small_balances()
    plan = plan_month(month=month, small_balances=balances)
    if plan.combined is not None:
        freeze_combined_peak(plan.combined)
    invoices: list[Invoice] = []
    if plan.contract is not None:
        invoices = issue_invoices(
            provider=provider,
            contract=plan.contract,
            profile=plan.profile,
            drafts=plan.drafts,
            month=month,
            now=now,
        )
        if plan.carried:
            carry(plan.carried, to=invoices[0], now=now)
        enqueue_all(messages=chain.from_iterable(map(deliveries_of, invoices)), now=now)
    if plan.waiting:
        months = sorted({str(line.adjusted_month) for line in plan.waiting})
        enqueue(topic=topics.LATE_CREDITS, key=str(month), payload={"months": months}, now=now)
    left = [balance for balance in balances if balance not in plan.carried]
    write_off_old(left, month=month, now=now)
    run.issued_at = now
    run.invoices = len(invoices)
    run.total_minor = sum(invoice.total_minor for invoice in invoices)
    run.outcome = _outcome(run, plan.contract)
    run.last_event_id = plan.ledger.last_event_id
    run.last_late_activity_id = plan.ledger.last_late_activity_id
    run.save()
    MONTHS_CLOSED.inc()
    return run


def _outcome(run: MonthClose, contract: Contract | None) -> str:
    if contract is None:
        reason = "Free allowance" if was_free(Month.of_day(run.month)) else "No active contract"
        return f"{reason}, nothing to invoice"
    if not run.invoices:
        return "Nothing is owed, nothing to invoice"
    amount = format_money(run.total_minor, contract.currency)
    return f"{counted_noun(run.invoices, 'invoices')}, {amount}"
