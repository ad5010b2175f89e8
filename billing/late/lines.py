"""Lines for what was told late: from a closed month and what it would have been, without ORM.

Each says how much more than was billed until now, so a month rated again after its lines were
issued gives none: nothing has to be marked as done. Less than billed gives none either: whoever
told a removal late had the seat billed, and money back is a credit note (docs/decisions/0016).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from billing.line_texts import counted_as, together_as
from billing.money import round_minor
from billing.rating import ContractKind, Level, LineDraft, LineKind, Terms, billed_peaks

# What adjustments of a month bring it to so far: by organization, or None for all above a
# commitment together.
BilledUntilNow = Mapping[int | None, int]


@dataclass(frozen=True, slots=True)
class LateMonth:
    """A closed month: as it was counted, what it would have been, and what was billed late so far.

    `terms` are those of the contract that billed it; `reasons` say per organization what was told
    late, as a sentence.
    """

    first_day: date
    terms: Terms
    counted: tuple[Level, ...]
    corrected: tuple[Level, ...]
    billed: BilledUntilNow
    reasons: Mapping[int, str]

    @property
    def name(self) -> str:
        """As lines print it: September 2026."""
        return f"{self.first_day:%B %Y}"


def late_lines(month: LateMonth) -> list[LineDraft]:
    """What the month costs beyond what was billed for it, at its own contract's price."""
    before = _marks(month.terms, month.counted)
    after = _marks(month.terms, _higher_of(month.counted, month.corrected))
    raised = [(peak, before.get(pk)) for pk, peak in after.items()]
    if month.terms.kind is ContractKind.PAY_AS_YOU_GO and not month.terms.prepaid_quantity:
        return list(_pay_as_you_go(month, raised))
    return _committed(month, before=before, after=after)


def _marks(terms: Terms, levels: Iterable[Level]) -> dict[int, Level]:
    peaks = billed_peaks(metric=terms.metric, levels=levels)
    return {peak.organization_id: peak for peak in peaks}


def _higher_of(counted: Iterable[Level], corrected: Iterable[Level]) -> list[Level]:
    highest = {(level.organization_id, level.metric): level for level in counted}
    for level in corrected:
        known = highest.get((level.organization_id, level.metric))
        if known is None or level.high_water_mark > known.high_water_mark:
            highest[level.organization_id, level.metric] = level
    return list(highest.values())


def _pay_as_you_go(
    month: LateMonth, raised: Iterable[tuple[Level, Level | None]]
) -> Iterator[LineDraft]:
    price, currency = month.terms.unit_price, month.terms.currency
    for peak, counted in raised:
        until_now = max(
            counted.high_water_mark if counted else 0, month.billed.get(peak.organization_id, 0)
        )
        more = peak.high_water_mark - until_now
        if more > 0:
            yield replace(
                _of_organization(month, peak, adjusted_from=until_now),
                kind=LineKind.ADJUSTMENT,
                unit_price=price,
                amount_minor=round_minor(more * price, currency),
            )


def _committed(
    month: LateMonth, *, before: Mapping[int, Level], after: Mapping[int, Level]
) -> list[LineDraft]:
    """One line for what all organizations together pass the commitment by, and their shares."""
    committed = month.terms.covered_quantity
    was = sum(peak.high_water_mark for peak in before.values())
    is_now = sum(peak.high_water_mark for peak in after.values())
    until_now = max(was - committed, 0, month.billed.get(None, 0))
    more = is_now - committed - until_now
    if more <= 0:
        return []
    price, currency = month.terms.unit_price, month.terms.currency
    charged = LineDraft(
        kind=LineKind.ADJUSTMENT,
        description=(
            f"{more:,} more above the {committed:,} {month.terms.covered_as}, {month.name} "
            f"({together_as(month.terms.metric.value)}: {is_now:,} instead of {was:,})"
        ),
        metric=month.terms.metric.value,
        quantity=more,
        unit_price=price,
        amount_minor=round_minor(more * price, currency),
        adjusted_month=month.first_day,
        adjusted_from=until_now,
        reason=f"Told after {month.name} was closed; the organizations are named below.",
    )
    shares = [
        _of_organization(month, peak, adjusted_from=known)
        for pk, peak in after.items()
        for known in [before[pk].high_water_mark if pk in before else 0]
        if peak.high_water_mark > known
    ]
    return [charged, *shares]


def _of_organization(month: LateMonth, peak: Level, *, adjusted_from: int) -> LineDraft:
    return LineDraft(
        kind=LineKind.BASIS,
        description=(
            f"{peak.organization_name}: {counted_as(peak.metric)}, {month.name}, "
            f"{peak.high_water_mark:,} instead of {adjusted_from:,}"
        ),
        metric=peak.metric,
        quantity=peak.high_water_mark - adjusted_from,
        unit_price=Decimal(0),
        amount_minor=0,
        organization_id=peak.organization_id,
        organization_name=peak.organization_name,
        peak=peak.peak,
        adjusted_month=month.first_day,
        adjusted_from=adjusted_from,
        reason=month.reasons.get(peak.organization_id, ""),
    )
