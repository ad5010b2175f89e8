"""Lines for what was told late: from a closed month and what it would have been, without ORM.

Each says how much more than was billed until now, so a month rated again after its lines were
issued gives none: nothing has to be marked as done. Less than billed gives none either: whoever
told a removal late had the seat billed, and money back is a credit note (docs/decisions/0016).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from billing.choices import LineKind
from billing.rating.line_texts import counted_as, together_as
from billing.rating.rate_month import BilledQuantity, LineDraft, Terms, billed_by

# What adjustments of a month bring it to so far: by organization, or None for all above a
# commitment together.
BilledUntilNow = Mapping[int | None, int]


@dataclass(frozen=True, slots=True)
class LateUsageMonth:
    """A closed month: as it was counted, what it would have been, and what was billed late so far.

    `terms` are those of the contract that billed it. `counted` has one quantity per organization.
    `reasons` say for each organization what was reported late, as a sentence.
    """

    first_day: date
    terms: Terms
    counted: Sequence[BilledQuantity]
    corrected: Sequence[BilledQuantity]
    billed: BilledUntilNow
    reasons: Mapping[int, str]

    @property
    def name(self) -> str:
        """As lines print it: September 2026."""
        return f"{self.first_day:%B %Y}"


def usage_adjustment_lines(month: LateUsageMonth) -> list[LineDraft]:
    """What the month costs beyond what was billed for it, at its own contract's price."""
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
        until_now = max(before.get(pk, 0), month.billed.get(pk, 0))
        more = each.quantity - until_now
        if more > 0:
            yield replace(
                _of_organization(month, each, adjusted_from=until_now),
                kind=LineKind.ADJUSTMENT,
                unit_price=month.terms.unit_price,
                amount_minor=month.terms.amount_minor(more),
            )


def _of_all_together(
    month: LateUsageMonth, *, before: Mapping[int, int], after: Sequence[BilledQuantity]
) -> list[LineDraft]:
    """One line for what all organizations together pass the commitment by, and their shares."""
    covered = month.terms.covered_quantity
    was = sum(before.values())
    is_now = sum(each.quantity for each in after)
    until_now = max(was - covered, 0, month.billed.get(None, 0))
    more = is_now - covered - until_now
    if more <= 0:
        return []
    charged = LineDraft(
        kind=LineKind.ADJUSTMENT,
        description=(
            f"{more:,} more above the {covered:,} {month.terms.covered_as}, {month.name} "
            f"({together_as(month.terms.metric)}: {is_now:,} instead of {was:,})"
        ),
        metric=month.terms.metric,
        quantity=more,
        unit_price=month.terms.unit_price,
        amount_minor=month.terms.amount_minor(more),
        adjusted_month=month.first_day,
        adjusted_from=until_now,
        reason=f"Told after {month.name} was closed; the organizations are named below.",
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
    return LineDraft(
        kind=LineKind.BASIS,
        description=(
            f"{billed.organization_name}: {counted_as(billed.metric)}, {month.name}, "
            f"{billed.quantity:,} instead of {adjusted_from:,}"
        ),
        metric=billed.metric,
        quantity=billed.quantity - adjusted_from,
        unit_price=Decimal(0),
        amount_minor=0,
        organization_id=billed.organization_id,
        organization_name=billed.organization_name,
        peak=billed.peak,
        adjusted_month=month.first_day,
        adjusted_from=adjusted_from,
        reason=month.reasons.get(billed.organization_id, ""),
    )
