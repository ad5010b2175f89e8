"""How much a credit note takes back, and how much of that is tax: arithmetic on minor units.

The tax follows the invoice's own in proportion, rounded once per note by the one rounding function
against what all notes up to it come to. So several notes that take back everything take back
exactly its tax, whatever each of them was rounded to.
"""

from dataclasses import dataclass
from decimal import Decimal

from billing.money import major, round_minor


class MoreThanIsLeft(Exception):
    """A credit note would take back more than the invoice still carries."""


@dataclass(frozen=True, slots=True)
class Split:
    """An amount before tax and its tax; minor units."""

    subtotal_minor: int
    tax_minor: int

    @property
    def total_minor(self) -> int:
        """Both together."""
        return self.subtotal_minor + self.tax_minor

    def __add__(self, other: "Split") -> "Split":
        return Split(self.subtotal_minor + other.subtotal_minor, self.tax_minor + other.tax_minor)

    def __sub__(self, other: "Split") -> "Split":
        return Split(self.subtotal_minor - other.subtotal_minor, self.tax_minor - other.tax_minor)


def credit_of_total(*, invoice: Split, credited: Split, total_minor: int, currency: str) -> Split:
    """An amount including tax, split as the invoice is; `credited` is what went before.

    Raises `MoreThanIsLeft`, and ValueError for nothing.
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
    """An amount before tax (lines of the invoice) with its tax; `credited` is what went before.

    Raises `MoreThanIsLeft`, and ValueError for nothing.
    """
    left = invoice - credited
    _check(subtotal_minor, left.subtotal_minor)
    up_to_now = credited.subtotal_minor + subtotal_minor
    tax = _share(invoice.tax_minor, up_to_now, invoice.subtotal_minor, currency)
    tax = min(max(tax - credited.tax_minor, 0), left.tax_minor)
    return Split(subtotal_minor=subtotal_minor, tax_minor=tax)


def _check(wanted: int, left: int) -> None:
    if wanted <= 0:
        raise ValueError("A credit note takes something back.")
    if wanted > left:
        raise MoreThanIsLeft


def _share(tax_minor: int, part: int, whole: int, currency: str) -> int:
    return round_minor(major(tax_minor, currency) * Decimal(part) / Decimal(whole), currency)
