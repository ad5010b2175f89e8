"""Estimates: the total of a month with given quantities, without drafts of invoices. Pure.

Uses the charges of `billing.rating.rate_month`. Forecasts and cap simulations rate a month many
times, so equal quantities are rated once.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from billing.choices import InvoiceKind
from billing.rating.rate_month import Terms, charges


@dataclass(frozen=True, slots=True)
class Estimate:
    """Amounts in minor units with tax; `quantity` is what all organizations had together."""

    quantity: int
    total_minor: int
    overage_minor: int = 0


def estimate(
    *,
    terms: Terms,
    quantities: Iterable[int],
    together: int | None = None,
    adjustments: Mapping[InvoiceKind, int] | None = None,
) -> Estimate:
    """The total of a month with these billed quantities, one for each organization.

    `together` is the number that a commitment is compared with; None for the sum. `adjustments` are
    the sums of earlier months' lines on each invoice, before tax. An invoice that comes to nothing
    is not issued.
    """
    late = adjustments or {}
    billed = list(quantities)
    combined = sum(billed) if together is None else together
    totals = {
        charge.kind: _total_minor(terms, charge.quantities, late.get(charge.kind, 0))
        for charge in charges(terms=terms, quantities=billed, together=combined)
    }
    return Estimate(
        combined,
        total_minor=sum(totals.values()),
        overage_minor=totals.get(InvoiceKind.OVERAGE, 0),
    )


def _total_minor(terms: Terms, quantities: Sequence[int], adjustments_minor: int) -> int:
    rated = Counter(quantities).items()
    charged = sum(times * terms.amount_minor(quantity) for quantity, times in rated)
    subtotal = charged + adjustments_minor
    return max(subtotal + terms.tax_minor(subtotal), 0)
