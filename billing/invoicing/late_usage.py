"""Late usage of closed months of the current provider, billed by the next close."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date
from itertools import groupby
from zoneinfo import ZoneInfo

from django.db.models import F, Max

from accounts.providers import current_provider
from billing.choices import LineKind
from billing.contracts.free_allowance import billed_contract
from billing.formatting import instant_text
from billing.invoicing.late_active_users import late_active_users_months, rated_activity_month
from billing.invoicing.late_usage_lines import LateUsageMonth, usage_adjustment_lines
from billing.models import BillingProfile, InvoiceLine
from billing.rating.billed_quantities import billed_quantities
from billing.rating.rate_month import BilledQuantity, LineDraft, Peak
from billing.rating.terms import terms_of
from core.metrics import Metric
from core.months import Month
from usage.ledger.late_usage import (
    LateUsageEvent,
    RestatedMonth,
    late_usage_events,
    restated_months,
)

REASON_LENGTH = 300


def late_usage_lines(*, currency: str, months: Collection[date]) -> list[LineDraft]:
    """The usage adjustments of these closed months, by month, then by organization.

    `months` are first days (`billing.invoicing.adjusted_months`). A month inside the free allowance
    has none. A month that was billed in another currency than `currency` waits for an invoice in
    its own.
    """
    events = late_usage_events()
    zone = current_provider().billing_zone()
    lines: list[LineDraft] = []
    for month, restated in groupby(restated_months(), key=lambda restated: restated.month):
        if month.first_day not in months:
            continue
        rated = _late_month(month=month, restated=list(restated), events=events, zone=zone)
        if rated is not None and rated.terms.currency == currency:
            lines += usage_adjustment_lines(rated)
    for activity in late_active_users_months():
        if activity.month.first_day in months:
            billed = billed_adjustments(month=activity.month)
            rated = rated_activity_month(activity=activity, billed=billed)
            if rated is not None and rated.terms.currency == currency:
                lines += usage_adjustment_lines(rated)
    return lines


def _late_month(
    *,
    month: Month,
    restated: Sequence[RestatedMonth],
    events: list[LateUsageEvent],
    zone: ZoneInfo,
) -> LateUsageMonth | None:
    contract = billed_contract(month)
    if contract is None or contract.metric == Metric.ACTIVE_USERS:
        return None
    return LateUsageMonth(
        first_day=month.first_day,
        terms=terms_of(contract, BillingProfile.objects.current()),
        counted=billed_quantities(month=month, metric=Metric(contract.metric)),
        corrected=[_quantity(each) for each in restated],
        billed=billed_adjustments(month=month),
        reasons=_reasons(events, month=month, zone=zone),
    )


def billed_adjustments(*, month: Month, before_invoice: int | None = None) -> dict[int | None, int]:
    """The quantities of a month that adjustments have billed, by organization (`AlreadyBilled`).

    Of all invoices, or of those issued before `before_invoice`. A void invoice counts too: its
    reissue copies the adjustments.
    """
    lines = InvoiceLine.objects.filter(kind=LineKind.ADJUSTMENT, adjusted_month=month.first_day)
    if before_invoice is not None:
        lines = lines.filter(invoice_id__lt=before_invoice)
    reached = lines.values_list("organization_id").annotate(
        reached=Max(F("adjusted_from") + F("quantity"))
    )
    return {organization_id: int(quantity) for organization_id, quantity in reached}


def _quantity(month: RestatedMonth) -> BilledQuantity:
    peak = Peak(
        event_id=month.peak_event_id,
        at=month.peak_at,
        count_before=month.high_water_mark - 1 if month.peak_event_id else None,
        subject_name=month.peak_subject_name,
        actor_name=month.peak_actor_name,
    )
    return BilledQuantity(
        month.organization_id,
        month.organization_name,
        month.metric,
        month.high_water_mark,
        peak,
    )


def _reasons(events: list[LateUsageEvent], *, month: Month, zone: ZoneInfo) -> dict[int, str]:
    late: dict[int, list[LateUsageEvent]] = defaultdict(list)
    for event in events:
        if event.is_missing_in(month, zone):
            late[event.organization_id].append(event)
    return {
        pk: late_usage_reason(of_one, month=month.first_day, zone=zone)
        for pk, of_one in late.items()
    }


def late_usage_reason(events: Sequence[LateUsageEvent], *, month: date, zone: ZoneInfo) -> str:
    """A sentence about an organization's late usage in a month; `events` ordered by `effective_at`.

    It names no user: the readers of an invoice need not know a client's staff.
    """
    added = [event for event in events if event.delta > 0]
    removals = len(events) - len(added)
    parts = []
    if added:
        first = instant_text(added[0].effective_at, zone)
        of = f"{len(added):,} additions, the first of" if len(added) > 1 else "1 addition of"
        parts.append(f"{of} {first}")
    if removals:
        parts.append(f"{removals:,} removals" if removals > 1 else "1 removal")
    sentence = f"Reported after {month:%B %Y} was closed: {' and '.join(parts)}."
    return sentence[:REASON_LENGTH]
