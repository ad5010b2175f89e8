"""What a closed month should have been billed, from the replayed log and the contracts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from django.db.models import Q

from billing.choices import InvoiceKind
from billing.contracts.free_allowance import billed_contract
from billing.invoicing.late_active_users import late_active_users_months, rated_activity_month
from billing.invoicing.late_usage import billed_adjustments
from billing.invoicing.late_usage_lines import LateUsageMonth, usage_adjustment_lines
from billing.models import Contract, Invoice, MonthClose
from billing.rating.billed_quantities import billed_quantities
from billing.rating.rate_month import (
    BilledQuantity,
    InvoiceDraft,
    LineDraft,
    Peak,
    Terms,
    billed_by,
    rate_month,
)
from billing.rating.terms import terms_of
from core.metrics import Metric
from core.months import Month
from tenants.models import Organization
from usage.ledger.late_usage import late_usage_events
from usage.ledger.replay import ReplayedMonth, replay_month

Replayed = Mapping[tuple[int, Metric], ReplayedMonth]


@dataclass(frozen=True, slots=True)
class ExpectedMonth:
    """A month's contract, and its invoices as they should be; none without a contract."""

    contract: Contract | None
    quantities: tuple[BilledQuantity, ...]
    adjustments: tuple[LineDraft, ...]
    month: Month

    def draft_of(self, invoice: Invoice) -> InvoiceDraft | None:
        """What this invoice should say; None where nothing of its kind was owed.

        The tax rate is that of its issue. One that replaces a voided one is billed by the terms it
        was corrected to, and takes over what that one billed late.
        """
        if self.contract is None:
            return None
        terms = replace(self._terms(), tax_rate=invoice.tax_rate)
        if invoice.replaces_id is not None:
            summary = invoice.contract_summary
            terms = replace(
                terms,
                unit_price=Decimal(summary["unit_price"]),
                committed_quantity=summary["committed_quantity"] or 0,
            )
        return self._drafts(terms).get(invoice.kind)

    def kinds(self) -> set[str]:
        """The kinds of invoices that were owed."""
        return set(self._drafts(self._terms())) if self.contract else set()

    def _terms(self) -> Terms:
        if self.contract is None:
            raise ValueError("Without a contract there are no terms.")
        return terms_of(self.contract, None, month=self.month)

    def _drafts(self, terms: Terms) -> dict[str, InvoiceDraft]:
        drafts = rate_month(
            terms=terms,
            quantities=self.quantities,
            month_name=f"{self.month.first_day:%B %Y}",
            adjustments=self.adjustments,
        )
        return {draft.kind.value: draft for draft in drafts}


def expected_month(*, run: MonthClose, replayed: Replayed) -> ExpectedMonth:
    """What the close `run` should have issued; `replayed` is its month."""
    month = Month.of_day(run.month)
    contract = billed_contract(month)
    quantities = [] if contract is None else _quantities(replayed, month, Metric(contract.metric))
    late = [] if contract is None else _adjustments(run=run, currency=contract.currency)
    return ExpectedMonth(contract, tuple(quantities), tuple(late), month)


def _quantities(replayed: Replayed, month: Month, metric: Metric) -> list[BilledQuantity]:
    """Active users are not events of the log: their rows are the source."""
    if metric is Metric.ACTIVE_USERS:
        return billed_quantities(month=month, metric=metric)
    names = dict(Organization.objects.values_list("pk", "name"))
    found = [
        BilledQuantity(
            each.organization_id,
            names.get(each.organization_id, ""),
            each.metric,
            each.high_water_mark,
            Peak(
                event_id=each.peak_event_id,
                at=each.peak_at,
                count_before=each.high_water_mark - 1 if each.peak_event_id else None,
                subject_name=each.peak_subject_name,
                actor_name=each.peak_actor_name,
            ),
        )
        for each in replayed.values()
    ]
    return billed_by(metric=metric, quantities=found)


def _adjustments(*, run: MonthClose, currency: str) -> list[LineDraft]:
    """What was told late of months closed before, as far as this close could know it."""
    active = _activity_adjustments(run=run, currency=currency)
    if run.last_event_id is None:
        return active
    lines: list[LineDraft] = []
    for month in _months_told_late_of(run):
        contract = billed_contract(month)
        if contract is None or contract.currency != currency:
            continue
        metric = Metric(contract.metric)
        if metric is Metric.ACTIVE_USERS:
            continue
        counted = replay_month(month=month)
        really = replay_month(month=month, through_event=run.last_event_id, as_it_was=True)
        lines += usage_adjustment_lines(
            LateUsageMonth(
                first_day=month.first_day,
                terms=terms_of(contract, None),
                counted=_quantities(counted, month, metric),
                corrected=_quantities(really, month, metric),
                billed=billed_adjustments(month=month, before_invoice=_first_invoice(run)),
                reasons={},
            )
        )
    return lines + active


def _activity_adjustments(*, run: MonthClose, currency: str) -> list[LineDraft]:
    closed = set(_closed_before(run))
    lines: list[LineDraft] = []
    for activity in late_active_users_months(told_before=run.issued_at):
        if activity.month.first_day not in closed:
            continue
        billed = billed_adjustments(month=activity.month, before_invoice=_first_invoice(run))
        rated = rated_activity_month(activity=activity, billed=billed)
        if rated is not None and rated.terms.currency == currency:
            lines += usage_adjustment_lines(replace(rated, reasons={}))
    return lines


def _months_told_late_of(run: MonthClose) -> list[Month]:
    told = [change for change in late_usage_events() if change.event_id <= (run.last_event_id or 0)]
    if not told:
        return []
    return [Month.of_day(day) for day in _closed_before(run)]


def _closed_before(run: MonthClose) -> list[date]:
    before = Q(issued_at__lt=run.issued_at) | Q(issued_at=run.issued_at, month__lt=run.month)
    closed = MonthClose.objects.filter(before).order_by("month")
    return list(closed.values_list("month", flat=True))


def _first_invoice(run: MonthClose) -> int | None:
    found: int | None = (
        Invoice.objects.filter(month=run.month)
        .exclude(kind=InvoiceKind.ORDER)
        .order_by("pk")
        .values_list("pk", flat=True)
        .first()
    )
    return found
