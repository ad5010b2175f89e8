"""Where a contract stands in its course: the running term, and what happens at its end."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from billing.contracts.duration import MONTHS_A_YEAR, Span, term_of
from billing.models import Contract

TERM_MONTHS = {Contract.Term.MONTHLY: 1, Contract.Term.ANNUAL: MONTHS_A_YEAR}


class TermEnd(StrEnum):
    """What happens at the end of the running term."""

    RENEWS = "renews"
    ENDS = "ends"
    FOLLOWED = "followed"


@dataclass(frozen=True, slots=True)
class Renewal:
    """A contract's running term, and the day on which `outcome` happens.

    FOLLOWED: `successor` begins on `on`, at or before the contract's own end.
    """

    contract: Contract
    term: Span
    outcome: TermEnd
    on: date
    successor: Contract | None = None


def renewal_of(contract: Contract, *, today: date) -> Renewal:
    """The contract's course as of a day in the billing zone.

    A renewing monthly contract renews on the next first; who follows it on an agreed day or ends
    goes before that.
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
