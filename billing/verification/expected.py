"""The expected invoices of a closed month, from the replayed event log and the contracts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from django.db.models import Q

from billing.contracts.free_allowance import billed_contract
from billing.corrections.reissue import is_billed_since
from billing.invoicing.adjusted_months import adjusted_by
from billing.invoicing.late_active_users import late_active_users_months, rated_activity_month
from billing.invoicing.late_usage import IssuedBefore, billed_adjustments
from billing.invoicing.late_usage_lines import (
    LateUsageMonth,
    RestatedCombined,
    usage_adjustment_lines,
)
from billing.models import Contract, Invoice, MonthClose
from billing.rating.billed_quantities import billed_quantities, combined_quantity
from billing.rating.peak import Peak
from billing.rating.rate_month import (
    BilledQuantity,
    InvoiceDraft,
    LineDraft,
    Terms,
    billed_by,
    rate_month,
)
from billing.rating.terms import terms_of
from core.metrics import Metric
from core.months import Month
from tenants.models import Organization
from usage.ledger.combined_peak import CombinedPeak
from usage.ledger.combined_replay import replay_combined
from usage.ledger.late_usage import frozen_through, late_usage_events
from usage.ledger.replay import ReplayedMonth, replay_month

Replayed = Mapping[tuple[int, Metric], ReplayedMonth]


@dataclass(frozen=True, slots=True)
class ExpectedMonth:
    """A month's contract and the data of its expected invoices; no invoices without a contract.

    `combined` is the month of all organizations together, where a commitment is compared with it.
    """

    contract: Contract | None
    quantities: tuple[BilledQuantity, ...]
    adjustments: tuple[LineDraft, ...]
    month: Month
    combined: CombinedPeak | None = None

    def draft_of(self, invoice: Invoice) -> InvoiceDraft | None:
        """Return the expected draft of this invoice; None if its kind was not to be billed.

        The tax rate is the invoice's own. A reissued invoice is rated with its corrected terms, and
        has the usage adjustments of the voided one.
        """
        if self.contract is None:
            return None
        terms = terms_of(self.contract, None, month=self.month)
        terms = replace(terms, tax_rate=invoice.tax_rate)
        adjustments = self.adjustments
        void = invoice.replaces
        if void is not None:
            adjustments = tuple(
                line for line in adjustments if not is_billed_since(line, void=void, until=invoice)
            )
            summary = invoice.contract_summary
            terms = replace(
                terms,
                unit_price=Decimal(summary["unit_price"]),
                committed_quantity=summary["committed_quantity"] or 0,
            )
        return self._drafts(terms, adjustments).get(invoice.kind)

    def kinds(self) -> set[str]:
        """Return the expected kinds of invoices."""
        if self.contract is None:
            return set()
        terms = terms_of(self.contract, None, month=self.month)
        return set(self._drafts(terms, self.adjustments))

    def _drafts(self, terms: Terms, adjustments: tuple[LineDraft, ...]) -> dict[str, InvoiceDraft]:
        drafts = rate_month(
            terms=terms,
            quantities=self.quantities,
            combined=combined_quantity(self.combined) if self.combined else None,
            month_name=f"{self.month.first_day:%B %Y}",
            adjustments=adjustments,
        )
        return {draft.kind.value: draft for draft in drafts}


def expected_month(*, run: MonthClose, replayed: Replayed) -> ExpectedMonth:
    """Return the expected invoices of the close `run`; `replayed` is its month."""
    month = Month.of_day(run.month)
    contract = billed_contract(month)
    quantities = [] if contract is None else _quantities(replayed, month, Metric(contract.metric))
    late = [] if contract is None else _adjustments(run=run, currency=contract.currency)
    combined = None
    if contract is not None and contract.counts_together:
        combined = replay_combined(
            month=month, metric=Metric(contract.metric), through_event=frozen_through(month)
        )
    return ExpectedMonth(contract, tuple(quantities), tuple(late), month, combined)


def _quantities(replayed: Replayed, month: Month, metric: Metric) -> list[BilledQuantity]:
    if metric is Metric.ACTIVE_USERS:
        # Active users are not in the event log: their rows are the source.
        return billed_quantities(month=month, metric=metric)
    names = dict(Organization.objects.values_list("pk", "name"))
    quantities = [
        BilledQuantity(
            each.organization_id,
            names.get(each.organization_id, ""),
            each.metric,
            each.high_water_mark,
            Peak.reached(
                each.high_water_mark,
                event_id=each.peak_event_id,
                at=each.peak_at,
                subject_name=each.peak_subject_name,
                actor_name=each.peak_actor_name,
            ),
        )
        for each in replayed.values()
    ]
    return billed_by(metric=metric, quantities=quantities)


def _adjustments(*, run: MonthClose, currency: str) -> list[LineDraft]:
    """Return the adjustments for usage reported late, as far as this close could know of it."""
    closed_days = adjusted_by(
        month=Month.of_day(run.month), currency=currency, closed=_closed_before(run)
    )
    active = _active_user_adjustments(run=run, currency=currency, closed_days=closed_days)
    last_event_id = run.last_event_id
    if last_event_id is None or not any(
        event.event_id <= last_event_id for event in late_usage_events()
    ):
        return active
    lines: list[LineDraft] = []
    for month in map(Month.of_day, closed_days):
        contract = billed_contract(month)
        if contract is None or contract.currency != currency:
            continue
        metric = Metric(contract.metric)
        if metric is Metric.ACTIVE_USERS:
            continue
        counted = replay_month(month=month, through_event=frozen_through(month))
        restated = replay_month(month=month, through_event=last_event_id)
        terms = terms_of(contract, None)
        lines += usage_adjustment_lines(
            LateUsageMonth(
                first_day=month.first_day,
                terms=terms,
                counted=_quantities(counted, month, metric),
                corrected=_quantities(restated, month, metric),
                billed=billed_adjustments(month=month, before=_before(run)),
                reasons={},
                combined=_combined(month, terms, through_event=last_event_id),
            )
        )
    return lines + active


def _combined(month: Month, terms: Terms, *, through_event: int) -> RestatedCombined | None:
    """Return the peak of all organizations together, as billed and with later reports."""
    if not terms.counts_together:
        return None
    counted, corrected = (
        combined_quantity(replay_combined(month=month, metric=terms.metric, through_event=through))
        for through in (frozen_through(month), through_event)
    )
    return RestatedCombined(counted, corrected)


def _active_user_adjustments(
    *, run: MonthClose, currency: str, closed_days: list[date]
) -> list[LineDraft]:
    lines: list[LineDraft] = []
    for activity in late_active_users_months(through=run.last_late_activity_id or 0):
        if activity.month.first_day not in closed_days:
            continue
        billed = billed_adjustments(month=activity.month, before=_before(run))
        rated = rated_activity_month(activity=activity, billed=billed)
        if rated is not None and rated.terms.currency == currency:
            lines += usage_adjustment_lines(replace(rated, reasons={}))
    return lines


def _closed_before(run: MonthClose) -> list[date]:
    before = Q(issued_at__lt=run.issued_at) | Q(issued_at=run.issued_at, month__lt=run.month)
    closed = MonthClose.objects.filter(before).order_by("month")
    return list(closed.values_list("month", flat=True))


def _before(run: MonthClose) -> IssuedBefore:
    if run.issued_at is None:
        raise ValueError(f"{run} is not closed.")
    return IssuedBefore(at=run.issued_at, month=run.month)
