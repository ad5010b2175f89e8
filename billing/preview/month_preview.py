"""The close of a month rehearsed: the same plan as the real one, and what to look at before it.

Runs in a transaction that PostgreSQL itself keeps from writing and that is rolled back: no number
is taken, nothing is queued, nobody waits for a lock.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from accounts.models import Provider
from billing.choices import Collection
from billing.contracts.free_allowance import billed_contract, was_free
from billing.customer.profile import buyer
from billing.invoicing.month_close import due_months, first_month
from billing.invoicing.month_plan import MonthPlan, plan_month
from billing.models import MonthClose
from billing.preview.card_risk import CardOutlook, card_outlook
from billing.preview.changes import COMPARED_MONTHS, Change, RatedMonth, changes
from billing.preview.checks import Check, CheckResult, run_checks
from billing.rating.billed_quantities import billed_quantities
from billing.rating.rate_month import BilledQuantity, InvoiceDraft, LineDraft
from billing.rating.terms import terms_of
from core.metrics import Metric
from core.months import Month
from core.schema import provider_schema
from usage.ledger.late_usage import LateUsageEvent, late_usage_events


class CannotPreview(Exception):
    """There is nothing to preview_month for this month; the message is for people."""


@dataclass(frozen=True, slots=True)
class MonthPreview:
    """What the close would do if it ran now, and what changed. `charge_day` is its local day.

    `due_day` is when an invoice by mail is due, `recipients` who gets it. `adjustments` are the
    lines for what was told late, `told_late` whatever was told late and is counted in this month
    first, billed or not.
    """

    provider: Provider
    month: Month
    now: datetime
    is_running: bool
    plan: MonthPlan
    why_nothing: str
    charge_day: date
    due_day: date
    recipients: tuple[str, ...]
    changes: tuple[Change, ...]
    last_total_minor: int | None
    card: CardOutlook
    checks: tuple[CheckResult, ...]
    told_late: tuple[LateUsageEvent, ...]

    @property
    def currency(self) -> str:
        """Of all amounts."""
        return self.plan.contract.currency if self.plan.contract else self.provider.currency

    @property
    def has_money(self) -> bool:
        """Whether an organization has an amount of its own: not under a commitment."""
        return any(change.more_minor is not None for change in self.changes)

    @property
    def charged(self) -> list[InvoiceDraft]:
        """The invoices that the card would be charged for."""
        return [d for d in self.plan.drafts if d.collection is Collection.AUTOMATIC]

    @property
    def unusual(self) -> list[Change]:
        """Quantities far from what the organization used to have."""
        return [change for change in self.changes if change.usual is not None]

    @property
    def adjustments(self) -> list[LineDraft]:
        """Lines for months closed before."""
        return [line for draft in self.plan.drafts for line in draft.lines if line.adjusted_month]


def months_to_preview(*, provider: Provider, now: datetime) -> list[Month]:
    """Those over and not closed, oldest first, and the running one; in the provider's schema."""
    running = Month.of(now, provider.billing_zone())
    return [*due_months(provider=provider, now=now), running]


def preview_month(
    *, provider: Provider, month: Month, now: datetime, checks: Sequence[Check] = ()
) -> MonthPreview:
    """Work out the month's close as it would be at `now`, changing nothing.

    `checks` are run on the organizations that it would bill.

    A running month is taken as far as it went. Raises `CannotPreview` for a month that is closed,
    that has not begun, or that lies before the provider's first.
    """
    with provider_schema(provider), without_effect():
        _refuse_others(provider=provider, month=month, now=now)
        return _rehearsed(provider=provider, month=month, now=now, checks=checks)


@contextmanager
def without_effect() -> Iterator[None]:
    """Nothing in the block is kept: the database refuses to write, and takes all of it back."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
        yield
        transaction.set_rollback(True)


def _refuse_others(*, provider: Provider, month: Month, now: datetime) -> None:
    running = Month.of(now, provider.billing_zone())
    if month > running:
        raise CannotPreview(f"{month} has not begun for {provider.name}.")
    first = first_month()
    if month < running and (first is None or month < first):
        raise CannotPreview(f"{provider.name} has nothing to close in {month}.")
    closed = MonthClose.objects.filter(month=month.first_day, issued_at__isnull=False).first()
    if closed is not None:
        raise CannotPreview(f"{month} of {provider.name} is closed: {closed.outcome}.")


def _rehearsed(
    *, provider: Provider, month: Month, now: datetime, checks: Sequence[Check]
) -> MonthPreview:
    zone = provider.billing_zone()
    plan = plan_month(month=month)
    is_running = now < month.ends_at(zone)
    charge_day = max(now, month.ends_at(zone)).astimezone(zone).date()
    terms_days = plan.contract.payment_terms_days if plan.contract else 0
    return MonthPreview(
        provider=provider,
        month=month,
        now=now,
        is_running=is_running,
        plan=plan,
        why_nothing="" if plan.drafts else _why_nothing(plan),
        charge_day=charge_day,
        due_day=charge_day + timedelta(days=terms_days),
        recipients=tuple(buyer(provider=provider, profile=plan.profile)["emails"]),
        changes=tuple(_changes(plan)),
        last_total_minor=_last_total(month),
        card=card_outlook(charge_day=charge_day),
        checks=run_checks(checks=checks, quantities=plan.quantities, now=now),
        told_late=tuple(_told_late(month, zone)),
    )


def _why_nothing(plan: MonthPlan) -> str:
    if plan.contract is not None:
        return "Nothing is owed"
    return "Free allowance" if was_free(plan.month) else "No contract in force"


def _changes(plan: MonthPlan) -> list[Change]:
    if plan.contract is None:
        return []
    metric = Metric(plan.contract.metric)
    this = RatedMonth(
        quantities=_by_organization(plan.quantities),
        terms=terms_of(plan.contract, plan.profile, month=plan.month),
    )
    months = [plan.month.plus(months=-back) for back in range(1, COMPARED_MONTHS + 1)]
    return changes(this=this, history=[_rated(month, metric=metric) for month in months])


def _rated(month: Month, *, metric: Metric) -> RatedMonth:
    contract = billed_contract(month)
    return RatedMonth(
        quantities=_by_organization(billed_quantities(month=month, metric=metric)),
        terms=terms_of(contract, None, month=month) if contract else None,
    )


def _by_organization(quantities: Iterable[BilledQuantity]) -> dict[int, BilledQuantity]:
    return {each.organization_id: each for each in quantities}


def _last_total(month: Month) -> int | None:
    """What the month before was closed with; None where it was not."""
    totals = MonthClose.objects.filter(month=month.previous.first_day, issued_at__isnull=False)
    total: int | None = totals.values_list("total_minor", flat=True).first()
    return total


def _told_late(month: Month, zone: ZoneInfo) -> Iterator[LateUsageEvent]:
    """What was told late and is counted in the rehearsed month for the first time."""
    for change in late_usage_events():
        if Month.of(change.counted_at, zone) == month:
            yield change
