"""What the doctor finds, and the guard that turns an error into a finding."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """OK, worth knowing, or a problem, which makes the doctor fail."""

    OK = "OK"
    NOTE = "NOTE"
    PROBLEM = "PROBLEM"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at and what was found; with a problem, what to do next."""

    part: str
    text: str
    next_step: str = ""
    outcome: Outcome = Outcome.OK


def problem(part: str, text: str, next_step: str) -> Finding:
    """A finding that makes the doctor fail."""
    return Finding(part, text, next_step, Outcome.PROBLEM)


def note(part: str, text: str, next_step: str) -> Finding:
    """A finding that needs no haste."""
    return Finding(part, text, next_step, Outcome.NOTE)


Look = Callable[[], Iterator[Finding]]


def findings_of(part: str, look: Look, *, next_step: str) -> Iterator[Finding]:
    """What `look` finds; its error is a problem with this next step."""
    try:
        yield from look()
    except Exception as error:  # noqa: BLE001 - whatever fails is what the doctor looks for
        lines = str(error).strip().splitlines()
        yield problem(part, lines[0] if lines else type(error).__name__, next_step)
