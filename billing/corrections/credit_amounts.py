"""The amounts of a credit note, before tax and tax: pure arithmetic on minor units.

The tax is the invoice's tax in proportion. It is rounded once per note, on the sum of all notes so
far, so that notes over the whole invoice together credit exactly its tax.
"""

from dataclasses import dataclass
from decimal import Decimal

from billing.money import major, round_minor


class MoreThanIsLeft(Exception):
    """The credit note would be above what can still be credited of the invoice."""


@dataclass(frozen=True, slots=True)
class Split:
    """An amount before tax and its tax; minor units."""

    subtotal_minor: int
    tax_minor: int

    @property
    def total_minor(self) -> int:
        """The amount with its tax."""
        return self.subtotal_minor + self.tax_minor

    def __add__(self, other: "Split") -> "Split":
        return Split(self.subtotal_minor + other.subtotal_minor, self.tax_minor + other.tax_minor)

    def __sub__(self, other: "Split") -> "Split":
        return Split(self.subtotal_minor - other.subtotal_minor, self.tax_minor - other.tax_minor)


def credit_of_total(*, invoice: Split, credited: Split, total_minor: int, currency: str) -> Split:
    """Split an amount that includes tax like the invoice; `credited` is the sum of earlier notes.

    Raises `MoreThanIsLeft`, and ValueError if the amount is not positive.
    """
    left = invoice - credited
    _check(total_minor, left.total_minor)
    up_to_now = credited.total_minor + total_minor
    tax = _share(invoice.tax_minor, up_to_now, invoice.total_minor, currency) - credited.tax_minor
    at_least, at_most = max(0, total_minor - left.subtotal_minor), min(total_minor, left.tax_minor)
    tax = min(max(tax, at_least), at_most)
    return Split(subtotal_minor=total_minor - tax, tax_minor=tax)


def credit_of_subtotal(
    *, invoice: Split, credited: Split, subtotal_minor: int, currency: str
) -> Split:
    """Add the tax to an amount before tax (lines); `credited` is the sum of earlier notes.

    Raises `MoreThanIsLeft`, and ValueError if the amount is not positive.
    """
    left = invoice - credited
    _check(subtotal_minor, left.subtotal_minor)
    up_to_now = credited.subtotal_minor + subtotal_minor
    tax = _share(invoice.tax_minor, up_to_now, invoice.subtotal_minor, currency)
    tax = min(max(tax - credited.tax_minor, 0), left.tax_minor)
    return Split(subtotal_minor=subtotal_minor, tax_minor=tax)


def _check(amount: int, left: int) -> None:
    if amount <= 0:
        raise ValueError("A credit note has a positive amount.")
    if amount > left:
        raise MoreThanIsLeft


def _share(tax_minor: int, part: int, whole: int, currency: str) -> int:
    return round_minor(major(tax_minor, currency) * Decimal(part) / Decimal(whole), currency)
