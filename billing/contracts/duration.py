"""A contract's terms: pure arithmetic on first days of months.

Without an end a contract renews itself, term after term; with one it ends there. A contract that
begins later takes over from it on its first day.
"""

from dataclasses import dataclass
from datetime import date

MONTHS_A_YEAR = 12


@dataclass(frozen=True, slots=True)
class Span:
    """A term: from its first day until the first day that is no longer in it."""

    starts_on: date
    ends_on: date


def months_later(day: date, months: int) -> date:
    """The first of a month so many months after another first."""
    index = day.year * MONTHS_A_YEAR + day.month - 1 + months
    return date(index // MONTHS_A_YEAR, index % MONTHS_A_YEAR + 1, 1)


def term_of(*, starts_on: date, months: int, today: date) -> Span:
    """The term that `today` lies in; the first one before the contract has begun."""
    passed = (today.year - starts_on.year) * MONTHS_A_YEAR + today.month - starts_on.month
    begun = max(0, passed) // months * months
    return Span(months_later(starts_on, begun), months_later(starts_on, begun + months))


def is_whole_terms(*, starts_on: date, ends_on: date, months: int) -> bool:
    """Whether the contract ends with a term, not inside one."""
    length = (ends_on.year - starts_on.year) * MONTHS_A_YEAR + ends_on.month - starts_on.month
    return length > 0 and length % months == 0
