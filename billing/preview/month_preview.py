"""The preview of a month's close: the plan of the real close, and what to look at before it.

It runs in a read-only transaction that is rolled back: no invoice number is taken, nothing is
queued, no lock is held.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection, transaction

from accounts.models import Provider
from billing.choices import Collection
from billing.contracts.free_allowance import billed_contract, was_free
from billing.customer.profile import buyer
from billing.invoicing.month_close import close_due_at, first_month, unclosed_months
from billing.invoicing.month_plan import MonthPlan, plan_month
from billing.invoicing.small_balances import small_balances
from billing.models import ChargeAttempt, MonthClose, PaymentMethod
from billing.preview.changes import COMPARED_MONTHS, Change, RatedMonth, changes
from billing.preview.checks import NOT_CONNECTED, Check, CheckResult
from billing.rating.billed_quantities import billed_quantities
from billing.rating.rate_month import BilledQuantity, InvoiceDraft, LineDraft
from billing.rating.terms import terms_of
from core.metrics import Metric
from core.months import Month
from core.schema import provider_schema
from usage.ledger.late_usage import LateUsageEvent, late_usage_events

REFUSED = (ChargeAttempt.State.FAILED, ChargeAttempt.State.NEEDS_CONFIRMATION)


class CannotPreview(Exception):
    """There is nothing to preview for this month; the message is shown."""


@dataclass(frozen=True, slots=True)
class CardOutlook:
    """The card on file, None without one, and as sentences why its charge is likely to fail."""

    card: PaymentMethod | None
    risks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MonthPreview:
    """The result of the close if it ran at `now`, and the changes against last month.

    `charge_day` is the local day of the close, `due_day` the due day of a mailed invoice,
    `recipients` its addresses. `late_events` are the late usage events that are counted in this
    month first, billed or not.
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
    late_events: tuple[LateUsageEvent, ...]

    @property
    def currency(self) -> str:
        """The currency of all amounts."""
        return self.plan.contract.currency if self.plan.contract else self.provider.currency

    @property
    def has_money(self) -> bool:
        """Whether organizations have separate amounts: not under a commitment."""
        return any(change.more_minor is not None for change in self.changes)

    @property
    def more_minor(self) -> int | None:
        """How much more than the month before this one comes to; None where that is not closed."""
        if self.last_total_minor is None:
            return None
        return self.plan.total_minor - self.last_total_minor

    @property
    def charged(self) -> list[InvoiceDraft]:
        """The drafts that the card would be charged for."""
        return [draft for draft in self.plan.drafts if draft.collection is Collection.AUTOMATIC]

    @property
    def unusual(self) -> list[Change]:
        """Quantities far from the organization's usual ones."""
        return [change for change in self.changes if change.usual is not None]

    @property
    def adjustments(self) -> list[LineDraft]:
        """The usage adjustments of months that are closed already."""
        return [line for draft in self.plan.drafts for line in draft.lines if line.adjusted_month]


def months_to_preview(*, provider: Provider, now: datetime) -> list[Month]:
    """Return the months over and not closed, oldest first, and the current one.

    Runs in the provider's schema.
    """
    running = Month.of(now, provider.billing_zone())
    return [*unclosed_months(provider=provider, now=now), running]


def preview_month(
    *, provider: Provider, month: Month, now: datetime, checks: Sequence[Check] = ()
) -> MonthPreview:
    """Compute the month's close at `now` without any effect; of the current month, its part so far.

    `checks` run on the quantities that it would bill. Raises `CannotPreview` for a month that is
    closed, has not begun, or lies before the provider's first month.
    """
    with provider_schema(provider), _read_only():
        _require_open(provider=provider, month=month, now=now)
        return _previewed(provider=provider, month=month, now=now, checks=checks)


@contextmanager
def _read_only() -> Iterator[None]:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
        yield
        transaction.set_rollback(True)


def _require_open(*, provider: Provider, month: Month, now: datetime) -> None:
    running = Month.of(now, provider.billing_zone())
    if month > running:
        raise CannotPreview(f"{month} has not begun for {provider.name}.")
    first = first_month()
    if month < running and (first is None or month < first):
        raise CannotPreview(f"{provider.name} has nothing to close in {month}.")
    closed = MonthClose.objects.filter(month=month.first_day, issued_at__isnull=False).first()
    if closed is not None:
        raise CannotPreview(f"{month} of {provider.name} is closed: {closed.outcome}.")


def _previewed(
    *, provider: Provider, month: Month, now: datetime, checks: Sequence[Check]
) -> MonthPreview:
    zone = provider.billing_zone()
    is_next_close = month == months_to_preview(provider=provider, now=now)[0]
    plan = plan_month(month=month, small_balances=small_balances() if is_next_close else ())
    is_running = now < month.ends_at(zone)
    charge_day = max(now, close_due_at(provider=provider, month=month)).astimezone(zone).date()
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
        card=_card_outlook(charge_day),
        checks=tuple(check(plan.quantities, now) for check in checks) or (NOT_CONNECTED,),
        late_events=tuple(
            event for event in late_usage_events() if Month.of(event.counted_at, zone) == month
        ),
    )


def _why_nothing(plan: MonthPlan) -> str:
    if plan.contract is not None:
        return "Nothing is owed"
    return "Free allowance" if was_free(plan.month) else "No active contract"


def _card_outlook(charge_day: date) -> CardOutlook:
    """Assess the card on file as of the day of its charge. It is valid through its month."""
    card = PaymentMethod.objects.current()
    if card is None:
        return CardOutlook(None, risks=())
    risks = []
    expires, charged = (card.expiry_year, card.expiry_month), (charge_day.year, charge_day.month)
    on = f"{card.expiry_month:02d}/{card.expiry_year}"
    if expires < charged:
        risks.append(f"It is good through {on} and will have expired by {charge_day:%-d %B %Y}.")
    elif expires == charged:
        risks.append(f"It expires in the month of the charge ({on}): a retry may come too late.")
    attempts = ChargeAttempt.objects.filter(stripe_payment_method_id=card.stripe_payment_method_id)
    last = attempts.order_by("-pk").first()
    if last is not None and last.state in REFUSED:
        why = last.reason or last.get_state_display()
        risks.append(f"The last charge of it, on {last.created_at:%-d %B %Y}, was refused: {why}")
    return CardOutlook(card, risks=tuple(risks))


def _changes(plan: MonthPlan) -> list[Change]:
    if plan.contract is None:
        return []
    metric = Metric(plan.contract.metric)
    this = RatedMonth(quantities=_by_organization(plan.quantities), terms=plan.terms)
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
    """Return the total of the previous month's close; None if it is not closed."""
    totals = MonthClose.objects.filter(month=month.previous.first_day, issued_at__isnull=False)
    total: int | None = totals.values_list("total_minor", flat=True).first()
    return total
