"""What changed against last month, by organization, and what of it is unusual. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from billing.rating.rate_month import BilledQuantity, Terms
from core.metrics import Metric

# The last months a quantity is compared with, and how far apart it must be to be worth a look: more
# than double or less than half of their median, and by so many.
COMPARED_MONTHS = 6
UNUSUAL_FACTOR = 2
UNUSUAL_LEAST = 5


class Kind(StrEnum):
    """How an organization's quantity moved."""

    NEW = "new"
    GONE = "gone"
    MORE = "more"
    LESS = "less"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Change:
    """One organization, last month and this; amounts without tax, None under a commitment.

    `usual` is the median of what it had before where the quantity is unusual, else None.
    """

    organization_id: int
    name: str
    metric: Metric
    before: int
    now: int
    before_minor: int | None
    now_minor: int | None
    usual: float | None

    @property
    def kind(self) -> Kind:
        """New, gone, more, less or the same."""
        if self.before == self.now:
            return Kind.SAME
        if not self.before:
            return Kind.NEW
        if not self.now:
            return Kind.GONE
        return Kind.MORE if self.now > self.before else Kind.LESS

    @property
    def more_minor(self) -> int | None:
        """By how much its amount rose; negative where it fell."""
        if self.now_minor is None and self.before_minor is None:
            return None
        return (self.now_minor or 0) - (self.before_minor or 0)


@dataclass(frozen=True, slots=True)
class RatedMonth:
    """A month's billed quantities by organization, and the terms; None where nothing is billed."""

    quantities: Mapping[int, BilledQuantity]
    terms: Terms | None

    def amount(self, organization_id: int) -> int | None:
        """What its line comes to, without tax; None where it has none of its own.

        Under a commitment, and with packs prepaid, what all have together is billed.
        """
        if self.terms is None or not self.terms.charges_each_organization:
            return None
        return self.terms.amount_minor(self.quantity(organization_id))

    def quantity(self, organization_id: int) -> int:
        """What it had; 0 where nothing."""
        billed = self.quantities.get(organization_id)
        return billed.quantity if billed else 0


def changes(*, this: RatedMonth, history: Sequence[RatedMonth]) -> list[Change]:
    """Everyone billed in this month or the last, by name; `history` is the last month first."""
    last = history[0]
    either = {**last.quantities, **this.quantities}
    found = [
        Change(
            organization_id=pk,
            name=billed.organization_name,
            metric=billed.metric,
            before=last.quantity(pk),
            now=this.quantity(pk),
            before_minor=last.amount(pk),
            now_minor=this.amount(pk),
            usual=unusual(this.quantity(pk), before=[month.quantity(pk) for month in history]),
        )
        for pk, billed in either.items()
    ]
    return sorted(found, key=lambda change: (change.name.casefold(), change.organization_id))


def unusual(quantity: int, *, before: Sequence[int]) -> float | None:
    """The median of the months before in which there was anyone, where the quantity is far from it.

    Far is more than double or less than half, and at least five apart. Without such a month nothing
    is usual yet: None.
    """
    there = [mark for mark in before if mark > 0]
    if not there:
        return None
    usual = median(there)
    is_far = quantity > usual * UNUSUAL_FACTOR or quantity * UNUSUAL_FACTOR < usual
    return float(usual) if is_far and abs(quantity - usual) >= UNUSUAL_LEAST else None
