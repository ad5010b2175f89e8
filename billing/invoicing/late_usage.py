"""Late usage of closed months of the current provider, billed by the next close."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from django.db.models import Q, Sum

from accounts.providers import current_provider
from billing.choices import LineKind
from billing.contracts.free_allowance import billed_contract
from billing.formatting import instant_text
from billing.invoicing.late_active_users import late_active_users_months, rated_activity_month
from billing.invoicing.late_usage_lines import (
    LateUsageMonth,
    RestatedCombined,
    usage_adjustment_lines,
)
from billing.models import BillingProfile, CreditNoteLine, InvoiceLine
from billing.rating.billed_quantities import (
    combined_billed,
    combined_quantity,
    counted_quantities,
)
from billing.rating.peak import Peak
from billing.rating.rate_month import BilledQuantity, LineDraft, Terms, billed_by
from billing.rating.terms import terms_of
from core.metrics import Metric
from core.months import Month
from usage.ledger.combined_peak import combined_peak
from usage.ledger.late_usage import (
    LateUsageEvent,
    RestatedMonth,
    frozen_through,
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
    metric = Metric(contract.metric)
    terms = terms_of(contract, BillingProfile.objects.current())
    counted = counted_quantities(month=month, metric=metric)
    return LateUsageMonth(
        first_day=month.first_day,
        terms=terms,
        counted=billed_by(metric=metric, quantities=counted),
        corrected=billed_by(metric=metric, quantities=_corrected(counted, restated)),
        billed=billed_adjustments(month=month),
        reasons=_reasons(events, month=month, zone=zone),
        combined=_combined(month, terms),
    )


def _combined(month: Month, terms: Terms) -> RestatedCombined | None:
    """The peak of all organizations together, as billed and as it is known now."""
    billed = combined_billed(month=month, terms=terms)
    if billed is None:
        return None
    known_now = combined_peak(month=month, metric=terms.metric, with_late_usage=True)
    return RestatedCombined(combined_quantity(billed), combined_quantity(known_now))


def billed_adjustments(
    *, month: Month, before: "IssuedBefore | None" = None
) -> dict[int | None, int]:
    """The sum of a month's adjustments so far, by organization (`AlreadyBilled`).

    Of all invoices and credit notes, or of those before an earlier close. A void invoice bills
    nothing: the next close bills its adjustments again.
    """
    lines = InvoiceLine.objects.filter(kind=LineKind.ADJUSTMENT, adjusted_month=month.first_day)
    credited = CreditNoteLine.objects.filter(adjusted_month=month.first_day)
    is_valid = Q(invoice__voided_at=None)
    if before is not None:
        lines = lines.filter(
            Q(invoice__issued_at__lt=before.at)
            | Q(invoice__issued_at=before.at, invoice__month__lt=before.month)
        )
        is_valid |= Q(invoice__voided_at__gt=before.at)
        credited = credited.filter(credit_note__issued_at__lt=before.at)
    billed: Counter[int | None] = Counter()
    for quantities, sign in ((lines.filter(is_valid), 1), (credited, -1)):
        sums = quantities.values_list("organization_id").annotate(sum=Sum("quantity"))
        for organization_id, quantity in sums:
            billed[organization_id] += sign * int(quantity)
    return billed


@dataclass(frozen=True, slots=True)
class IssuedBefore:
    """The invoices that an earlier close could know: those issued before `at`, as they were then.

    Of closes at the same instant, the one of the earlier `month` (its first day) came first.
    """

    at: datetime
    month: date


def _corrected(
    counted: Sequence[BilledQuantity], restated: Sequence[RestatedMonth]
) -> Collection[BilledQuantity]:
    """The month's quantities with the restated ones in place of the counted ones."""
    quantities = {(each.organization_id, each.metric): each for each in counted}
    quantities |= {(each.organization_id, each.metric): _quantity(each) for each in restated}
    return quantities.values()


def _quantity(month: RestatedMonth) -> BilledQuantity:
    peak = Peak.reached(
        month.high_water_mark,
        event_id=month.peak_event_id,
        at=month.peak_at,
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
    through = frozen_through(month) or 0
    for event in events:
        if event.is_missing_in(month, zone, through_event=through):
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
