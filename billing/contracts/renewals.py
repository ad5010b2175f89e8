"""Terms of contracts: the running one, and its end or renewal. Dates are firsts of months.

A contract without an end renews after each term. A contract that begins later replaces it.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from billing.models import Contract
from core.months import MONTHS_OF_A_YEAR, Month

TERM_MONTHS = {Contract.Term.MONTHLY: 1, Contract.Term.ANNUAL: MONTHS_OF_A_YEAR}


class TermEnd(StrEnum):
    """What happens at the end of the running term."""

    RENEWS = "renews"
    ENDS = "ends"
    FOLLOWED = "followed"


@dataclass(frozen=True, slots=True)
class Span:
    """A term: from `starts_on` until before `ends_on`."""

    starts_on: date
    ends_on: date


@dataclass(frozen=True, slots=True)
class Renewal:
    """A contract's running term, and the day `on` which it renews, ends or is followed.

    If it is followed, `successor` begins on that day, at or before the contract's own end.
    """

    contract: Contract
    term: Span
    outcome: TermEnd
    on: date
    successor: Contract | None = None


def term_of(*, starts_on: date, months: int, today: date) -> Span:
    """The term that contains `today`; the first term before the contract begins."""
    passed = (today.year - starts_on.year) * MONTHS_OF_A_YEAR + today.month - starts_on.month
    begun = max(0, passed) // months * months
    first = Month.of_day(starts_on).plus(months=begun)
    return Span(first.first_day, first.plus(months=months).first_day)


def is_whole_terms(*, starts_on: date, ends_on: date, months: int) -> bool:
    """Whether the contract ends at the end of a term."""
    length = (ends_on.year - starts_on.year) * MONTHS_OF_A_YEAR + ends_on.month - starts_on.month
    return length > 0 and length % months == 0


def renewal_of(contract: Contract, *, today: date) -> Renewal:
    """The contract's next renewal or end, seen from `today` in the billing zone.

    A successor or an agreed end takes precedence over a renewal.
    """
    months = TERM_MONTHS[Contract.Term(contract.term)]
    term = term_of(starts_on=contract.starts_on, months=months, today=today)
    successor = (
        Contract.objects.filter(starts_on__gt=contract.starts_on).order_by("starts_on").first()
    )
    ends_on = contract.ends_on
    if successor and (ends_on is None or successor.starts_on <= ends_on):
        return Renewal(contract, term, TermEnd.FOLLOWED, successor.starts_on, successor)
    if ends_on is not None:
        return Renewal(contract, term, TermEnd.ENDS, ends_on)
    return Renewal(contract, term, TermEnd.RENEWS, term.ends_on)
