"""Usage adjustments: lines that charge late usage of a closed month. No ORM.

A line charges what exceeds the quantity already billed. After it is issued, the same month gives no
line again, so no late usage has to be marked as billed. A lower quantity gives no line: a removal
that was reported late is refunded by a credit note, if at all (docs/decisions/0016).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from billing.choices import LineKind
from billing.rating.rate_month import (
    BilledQuantity,
    LineDraft,
    Terms,
    billed_by,
    charged_line,
    counted_as,
    organization_line,
    together_as,
)

# The quantities that earlier adjustments have billed of a month, by organization; None stands for
# the sum above a commitment.
AlreadyBilled = Mapping[int | None, int]


@dataclass(frozen=True, slots=True)
class LateUsageMonth:
    """A closed month: the quantities counted at its close and those with late usage.

    `terms` are of the contract that billed it. `counted` has one quantity per organization and
    `billed` what earlier adjustments charged. `reasons` say what was reported late by organization.
    """

    first_day: date
    terms: Terms
    counted: Sequence[BilledQuantity]
    corrected: Sequence[BilledQuantity]
    billed: AlreadyBilled
    reasons: Mapping[int, str]

    @property
    def name(self) -> str:
        """The month as lines print it: September 2026."""
        return f"{self.first_day:%B %Y}"


def usage_adjustment_lines(month: LateUsageMonth) -> list[LineDraft]:
    """The lines that charge what was not billed yet, at the price of the month's own contract."""
    before = {each.organization_id: each.quantity for each in month.counted}
    after = billed_by(metric=month.terms.metric, quantities=(*month.counted, *month.corrected))
    if month.terms.charges_each_organization:
        return list(_of_each(month, before=before, after=after))
    return _of_all_together(month, before=before, after=after)


def _of_each(
    month: LateUsageMonth, *, before: Mapping[int, int], after: Iterable[BilledQuantity]
) -> Iterator[LineDraft]:
    for each in after:
        pk = each.organization_id
        billed_before = max(before.get(pk, 0), month.billed.get(pk, 0))
        more = each.quantity - billed_before
        if more > 0:
            yield replace(
                _of_organization(month, each, adjusted_from=billed_before),
                kind=LineKind.ADJUSTMENT,
                unit_price=month.terms.unit_price,
                amount_minor=month.terms.amount_minor(more),
            )


def _of_all_together(
    month: LateUsageMonth, *, before: Mapping[int, int], after: Sequence[BilledQuantity]
) -> list[LineDraft]:
    """One line for the sum above the commitment, and a basis line for each organization."""
    covered = month.terms.covered_quantity
    was = sum(before.values())
    is_now = sum(each.quantity for each in after)
    billed_before = max(was - covered, 0, month.billed.get(None, 0))
    more = is_now - covered - billed_before
    if more <= 0:
        return []
    charged = charged_line(
        month.terms,
        kind=LineKind.ADJUSTMENT,
        description=(
            f"{more:,} more above the {covered:,} {month.terms.covered_as}, {month.name} "
            f"({together_as(month.terms.metric)}: {is_now:,} instead of {was:,})"
        ),
        quantity=more,
    )
    charged = replace(
        charged,
        adjusted_month=month.first_day,
        adjusted_from=billed_before,
        reason=f"Reported after {month.name} was closed; the organizations are named below.",
    )
    shares = [
        _of_organization(month, each, adjusted_from=known)
        for each in after
        for known in [before.get(each.organization_id, 0)]
        if each.quantity > known
    ]
    return [charged, *shares]


def _of_organization(
    month: LateUsageMonth, billed: BilledQuantity, *, adjusted_from: int
) -> LineDraft:
    line = organization_line(
        billed,
        description=(
            f"{billed.organization_name}: {counted_as(billed.metric)}, {month.name}, "
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
