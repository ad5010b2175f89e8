"""Usage adjustments: lines that charge or credit late usage of a closed month. No ORM.

A line bills the difference between the month's quantity as it is known now and what was billed of
it, up or down. After it is issued, the same month gives no line again, so no late usage has to be
marked as billed (docs/decisions/0016).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from billing.choices import LineKind
from billing.rating.rate_month import (
    CARRIED_IN,
    BilledQuantity,
    CombinedQuantity,
    LineDraft,
    Peak,
    Terms,
    charged_line,
    organization_line,
    share_as,
    together_as,
)

# The sums of earlier adjustments of a month, by organization; None stands for what is above a
# commitment. They may be negative.
AlreadyBilled = Mapping[int | None, int]


@dataclass(frozen=True, slots=True)
class RestatedCombined:
    """What all organizations had together: as the month was billed, and with late usage."""

    counted: CombinedQuantity
    corrected: CombinedQuantity


@dataclass(frozen=True, slots=True)
class LateUsageMonth:
    """A closed month: its billed quantities at its close, and with late usage.

    `terms` are of the contract that billed it. `counted` and `corrected` have one quantity per
    organization; those of 0 are left out. `billed` is what earlier adjustments added. `reasons` say
    what was reported late, by organization. `combined` is given where a commitment is compared with
    all organizations together.
    """

    first_day: date
    terms: Terms
    counted: Sequence[BilledQuantity]
    corrected: Sequence[BilledQuantity]
    billed: AlreadyBilled
    reasons: Mapping[int, str]
    combined: RestatedCombined | None = None

    @property
    def name(self) -> str:
        """The month as lines print it: September 2026."""
        return f"{self.first_day:%B %Y}"


def usage_adjustment_lines(month: LateUsageMonth) -> list[LineDraft]:
    """The lines that bring what was billed to the known quantity, at the month's own price."""
    if month.terms.charges_each_organization:
        return list(_of_each(month))
    if month.combined is not None:
        return _of_all_together(month, month.combined.counted, month.combined.corrected)
    return _of_all_together(
        month, CombinedQuantity.sum_of(month.counted), CombinedQuantity.sum_of(month.corrected)
    )


def _of_each(month: LateUsageMonth) -> Iterator[LineDraft]:
    before = {each.organization_id: each for each in month.counted}
    now = {each.organization_id: each for each in month.corrected}
    for each in billed_by_name((*month.corrected, *month.counted)):
        pk = each.organization_id
        billed_before = _quantity_of(before.get(pk)) + month.billed.get(pk, 0)
        known_now = now.get(pk) or replace(each, quantity=0, peak=CARRIED_IN)
        if known_now.quantity != billed_before:
            yield replace(
                _of_organization(month, known_now, adjusted_from=billed_before),
                kind=LineKind.ADJUSTMENT,
                unit_price=month.terms.unit_price,
                amount_minor=month.terms.amount_minor(known_now.quantity - billed_before),
            )


def billed_by_name(quantities: Iterable[BilledQuantity]) -> list[BilledQuantity]:
    """The first quantity of each organization, ordered by its name."""
    first: dict[int, BilledQuantity] = {}
    for each in quantities:
        first.setdefault(each.organization_id, each)
    return sorted(
        first.values(), key=lambda each: (each.organization_name.casefold(), each.organization_id)
    )


def _quantity_of(billed: BilledQuantity | None) -> int:
    return billed.quantity if billed else 0


def _of_all_together(
    month: LateUsageMonth, was: CombinedQuantity, is_now: CombinedQuantity
) -> list[LineDraft]:
    """One line for what is above the commitment, and a basis line for each changed organization."""
    covered = month.terms.covered_quantity
    billed_before = max(was.quantity - covered, 0) + month.billed.get(None, 0)
    more = max(is_now.quantity - covered, 0) - billed_before
    if more == 0:
        return []
    charged = charged_line(
        month.terms,
        kind=LineKind.ADJUSTMENT,
        description=(
            f"{abs(more):,} {'more' if more > 0 else 'fewer'} above the {covered:,} "
            f"{month.terms.covered_as}, {month.name} "
            f"({together_as(month.terms)}: {is_now.quantity:,} instead of {was.quantity:,})"
        ),
        quantity=more,
    )
    charged = replace(
        charged,
        peak=is_now.peak,
        adjusted_month=month.first_day,
        adjusted_from=billed_before,
        reason=f"Reported after {month.name} was closed; the organizations are named below.",
    )
    before = {each.organization_id: each for each in was.shares}
    now = {each.organization_id: each for each in is_now.shares}
    # Without an instant, a peak of all together is a sum, and that of no users was carried in.
    none = Peak(at=is_now.peak.at)
    shares = []
    for each in billed_by_name((*is_now.shares, *was.shares)):
        known = _quantity_of(before.get(each.organization_id))
        known_now = now.get(each.organization_id) or replace(each, quantity=0, peak=none)
        if known_now.quantity != known:
            shares.append(_of_organization(month, known_now, adjusted_from=known))
    return [charged, *shares]


def _of_organization(
    month: LateUsageMonth, billed: BilledQuantity, *, adjusted_from: int
) -> LineDraft:
    line = organization_line(
        billed,
        description=(
            f"{billed.organization_name}: {share_as(month.terms, billed.metric)}, {month.name}, "
            f"{billed.quantity:,} instead of {adjusted_from:,}"
        ),
    )
    return replace(
        line,
        quantity=billed.quantity - adjusted_from,
        adjusted_month=month.first_day,
        adjusted_from=adjusted_from,
        reason=month.reasons.get(billed.organization_id, ""),
    )
