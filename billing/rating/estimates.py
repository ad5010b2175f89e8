"""What a month of given quantities would cost: the total of its invoices, without drafting them.

Charges are those of `billing.rating.rate_month`. For forecasts and cap simulations, which rate a
month many times: equal quantities are rated once.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from billing.choices import InvoiceKind
from billing.rating.rate_month import Terms, charges


@dataclass(frozen=True, slots=True)
class Estimate:
    """Amounts in minor units, tax included; `quantity` is that of all organizations together."""

    quantity: int
    total_minor: int
    overage_minor: int = 0


def estimate(*, terms: Terms, quantities: Iterable[int]) -> Estimate:
    """The month's total for these billed quantities, one for each organization."""
    billed = list(quantities)
    totals = {
        charge.kind: _total_minor(terms, charge.quantities)
        for charge in charges(terms=terms, quantities=billed)
    }
    return Estimate(
        sum(billed),
        total_minor=sum(totals.values()),
        overage_minor=totals.get(InvoiceKind.OVERAGE, 0),
    )


def _total_minor(terms: Terms, quantities: Sequence[int]) -> int:
    counted = Counter(quantities)
    subtotal = sum(times * terms.amount_minor(each) for each, times in counted.items())
    return subtotal + terms.tax_minor(subtotal)
