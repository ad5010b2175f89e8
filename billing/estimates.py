"""What a month of given quantities would cost: the total of its invoices, without drafting them.

The same arithmetic as `billing.rating`, which tests compare it with: for forecasts and what-ifs,
which rate a month many times over.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from billing.money import round_minor
from billing.rating import ContractKind, Terms, tax_minor


@dataclass(frozen=True, slots=True)
class Estimate:
    """Amounts in minor units, tax included; `quantity` is the organizations' marks together."""

    quantity: int
    total_minor: int
    overage_minor: int = 0


def estimate(*, terms: Terms, quantities: Iterable[int]) -> Estimate:
    """The month's total for these billed quantities, one for each organization."""
    counted = Counter(quantities)
    quantity = sum(each * times for each, times in counted.items())
    above = _amount(terms, max(0, quantity - terms.covered_quantity))
    if terms.kind is ContractKind.PAY_AS_YOU_GO and terms.prepaid_quantity:
        return Estimate(quantity, total_minor=_taxed(terms, above))
    if terms.kind is ContractKind.PAY_AS_YOU_GO:
        subtotal = sum(times * _amount(terms, each) for each, times in counted.items())
        return Estimate(quantity, total_minor=_taxed(terms, subtotal))
    overage = _taxed(terms, above)
    commitment = _taxed(terms, _amount(terms, terms.committed_quantity))
    return Estimate(quantity, total_minor=commitment + overage, overage_minor=overage)


def _amount(terms: Terms, quantity: int) -> int:
    return round_minor(quantity * terms.unit_price, terms.currency)


def _taxed(terms: Terms, subtotal_minor: int) -> int:
    return subtotal_minor + tax_minor(
        subtotal_minor=subtotal_minor, tax_rate=terms.tax_rate, currency=terms.currency
    )
