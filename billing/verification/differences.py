"""What a verification found: differences by name, and what it looked at."""

from collections import Counter
from dataclasses import dataclass, field

from core.months import Month
from usage.formatting import counted_noun


@dataclass(frozen=True, slots=True)
class Difference:
    """A place where what is kept is not what the events and contracts say."""

    where: str
    what: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.where}, {self.what}: expected {self.expected}, found {self.found}"


@dataclass(slots=True)
class Verification:
    """One month's: what differs, what was looked at how often, and what could not be."""

    month: Month
    differences: list[Difference] = field(default_factory=list)
    checked: Counter[str] = field(default_factory=Counter)
    remarks: list[str] = field(default_factory=list)

    def compare(self, where: str, what: str, *, expected: object, found: object) -> None:
        """Note a difference where there is one."""
        if expected != found:
            self.differences.append(Difference(where, what, _text(expected), _text(found)))

    @property
    def summary(self) -> str:
        """What was looked at: 3 invoices, 120 lines, 6 documents."""
        parts = [counted_noun(number, what) for what, number in self.checked.items()]
        return ", ".join(parts) or "nothing"


def _text(value: object) -> str:
    return "nothing" if value is None or value == "" else str(value)
