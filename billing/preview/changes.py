"""Changes against last month by organization, and which of them are unusual. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from billing.rating.rate_month import BilledQuantity, Terms
from core.metrics import Metric

# A quantity is unusual if it is more than double or less than half of the median of the last
# months, and differs from it by at least UNUSUAL_LEAST.
COMPARED_MONTHS = 6
UNUSUAL_FACTOR = 2
UNUSUAL_LEAST = 5


class Kind(StrEnum):
    """How an organization's quantity changed."""

    NEW = "new"
    GONE = "gone"
    MORE = "more"
    LESS = "less"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Change:
    """One organization, last month and this; amounts in minor units before tax.

    Amounts are None under a commitment. `usual` is the median of earlier months if the quantity is
    unusual, else None.
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
    def difference(self) -> int:
        """By how many the quantity rose; negative where it fell."""
        return self.now - self.before

    @property
    def is_unusual(self) -> bool:
        """Whether the quantity is far from what the organization had in the months before."""
        return self.usual is not None

    @property
    def more_minor(self) -> int | None:
        """By how much its amount rose; negative if it fell."""
        if self.now_minor is None and self.before_minor is None:
            return None
        return (self.now_minor or 0) - (self.before_minor or 0)


@dataclass(frozen=True, slots=True)
class RatedMonth:
    """A month's billed quantities by organization, and the terms; None if nothing is billed."""

    quantities: Mapping[int, BilledQuantity]
    terms: Terms | None

    def amount(self, organization_id: int) -> int | None:
        """Return its line's amount before tax, in minor units; None if it has no separate line.

        Under a commitment, or with prepaid packs, the sum of all organizations is billed.
        """
        if self.terms is None or not self.terms.charges_each_organization:
            return None
        return self.terms.amount_minor(self.quantity(organization_id))

    def quantity(self, organization_id: int) -> int:
        """Return its billed quantity, or 0."""
        billed = self.quantities.get(organization_id)
        return billed.quantity if billed else 0


def changes(*, this: RatedMonth, history: Sequence[RatedMonth]) -> list[Change]:
    """Return every organization billed in this or last month, by name; `history`: latest first."""
    last = history[0]
    either = {**last.quantities, **this.quantities}
    compared = [
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
    return sorted(compared, key=lambda change: (change.name.casefold(), change.organization_id))


def unusual(quantity: int, *, before: Sequence[int]) -> float | None:
    """Return the median of earlier months above zero if the quantity is far from it, else None.

    Far means more than double or less than half, and a difference of at least five.
    """
    earlier = [each for each in before if each > 0]
    if not earlier:
        return None
    usual = median(earlier)
    is_far = quantity > usual * UNUSUAL_FACTOR or quantity * UNUSUAL_FACTOR < usual
    return float(usual) if is_far and abs(quantity - usual) >= UNUSUAL_LEAST else None
