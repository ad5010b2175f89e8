"""Which closed months owe something for what was told late, read from the current schema."""

from collections import defaultdict
from collections.abc import Sequence
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
from billing.models import BillingProfile, InvoiceLine, MonthClose
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


def late_usage_lines(*, currency: str) -> list[LineDraft]:
    """What the next close bills for months closed before it; by month, then by organization.

    A month inside the free allowance owes nothing. One billed in another currency than `currency`
    waits for an invoice in its own.
    """
    changes, activities = late_usage_events(), late_active_users_months()
    zone = current_provider().billing_zone()
    closed = set(MonthClose.objects.filter(issued_at__isnull=False).values_list("month", flat=True))
    lines: list[LineDraft] = []
    for late, group in groupby(restated_months(), key=lambda corrected: corrected.month):
        if late.first_day not in closed:
            continue
        rated = _late_month(month=late, corrected=list(group), changes=changes, zone=zone)
        if rated is not None and rated.terms.currency == currency:
            lines += usage_adjustment_lines(rated)
    for activity in activities:
        if activity.month.first_day in closed:
            billed = billed_adjustments(month=activity.month)
            rated = rated_activity_month(activity=activity, billed=billed)
            if rated is not None and rated.terms.currency == currency:
                lines += usage_adjustment_lines(rated)
    return lines


def _late_month(
    *,
    month: Month,
    corrected: Sequence[RestatedMonth],
    changes: list[LateUsageEvent],
    zone: ZoneInfo,
) -> LateUsageMonth | None:
    contract = billed_contract(month)
    if contract is None or contract.metric == Metric.ACTIVE_USERS:
        return None
    return LateUsageMonth(
        first_day=month.first_day,
        terms=terms_of(contract, BillingProfile.objects.current()),
        counted=billed_quantities(month=month, metric=Metric(contract.metric)),
        corrected=[_quantity(each) for each in corrected],
        billed=billed_adjustments(month=month),
        reasons=_reasons(changes, month=month, zone=zone),
    )


def billed_adjustments(*, month: Month, before_invoice: int | None = None) -> dict[int | None, int]:
    """What adjustments brought a month to, of all invoices or those issued before one.

    A void invoice counts too: its lines were issued, and were taken back or issued again together.
    """
    lines = InvoiceLine.objects.filter(kind=LineKind.ADJUSTMENT, adjusted_month=month.first_day)
    if before_invoice is not None:
        lines = lines.filter(invoice_id__lt=before_invoice)
    reached = lines.values_list("organization_id").annotate(
        reached=Max(F("adjusted_from") + F("quantity"))
    )
    return {organization_id: int(level) for organization_id, level in reached}


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


def _reasons(changes: list[LateUsageEvent], *, month: Month, zone: ZoneInfo) -> dict[int, str]:
    of: dict[int, list[LateUsageEvent]] = defaultdict(list)
    for change in changes:
        if change.concerns(month, zone):
            of[change.organization_id].append(change)
    return {
        pk: late_usage_reason(told, month=month.first_day, zone=zone) for pk, told in of.items()
    }


def late_usage_reason(changes: Sequence[LateUsageEvent], *, month: date, zone: ZoneInfo) -> str:
    """What an organization's month lacked, as a sentence; `changes` in the order of their instants.

    Names nobody: an invoice goes to people with no need to know a client's staff.
    """
    came = [change for change in changes if change.delta > 0]
    went = len(changes) - len(came)
    parts = []
    if came:
        first = instant_text(came[0].effective_at, zone)
        of = f"{len(came):,} additions, the first of" if len(came) > 1 else "1 addition of"
        parts.append(f"{of} {first}")
    if went:
        parts.append(f"{went:,} removals" if went > 1 else "1 removal")
    sentence = f"Told after {month:%B %Y} was closed: {' and '.join(parts)}."
    return sentence[:REASON_LENGTH]
