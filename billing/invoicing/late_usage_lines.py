"""Usage adjustments: lines that charge or credit late usage of a closed month. No ORM.

A line bills the difference between the month's quantity as it is known now and what was billed of
it, up or down. After it is issued, the same month gives no line again, so no late usage has to be
marked as billed (docs/decisions/0016).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from billing.choices import LineKind
from billing.rating.peak import CARRIED_IN, Peak
from billing.rating.rate_month import (
    BilledQuantity,
    CombinedQuantity,
    LineDraft,
    Terms,
    by_name,
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
    for counted, now in _changes(month.counted, month.corrected, none=CARRIED_IN):
        billed_before = counted + month.billed.get(now.organization_id, 0)
        if now.quantity != billed_before:
            yield replace(
                _of_organization(month, now, adjusted_from=billed_before),
                kind=LineKind.ADJUSTMENT,
                unit_price=month.terms.unit_price,
                amount_minor=month.terms.amount_minor(now.quantity - billed_before),
            )


def _changes(
    was: Iterable[BilledQuantity], is_now: Iterable[BilledQuantity], *, none: Peak
) -> Iterator[tuple[int, BilledQuantity]]:
    """Each organization's earlier number and its quantity now, which has the peak `none` if 0."""
    before = {each.organization_id: each for each in was}
    now = {each.organization_id: each for each in is_now}
    gone = {pk: replace(each, quantity=0, peak=none) for pk, each in before.items()}
    for each in by_name({**gone, **now}.values()):
        known = before.get(each.organization_id)
        yield known.quantity if known else 0, each


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
    # Without an instant, a peak of all together is a sum, and that of no users was carried in.
    changes = _changes(was.shares, is_now.shares, none=Peak(at=is_now.peak.at))
    shares = [
        _of_organization(month, now, adjusted_from=known)
        for known, now in changes
        if now.quantity != known
    ]
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
