"""Files whose lines are something of a higher floor: how those are read, judged and recorded."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tenants.imports.columns import Columns, ImportLine
    from tenants.imports.judging import Refusal, Verdict
    from tenants.imports.models import ImportRun
    from tenants.imports.table import Table
    from tenants.models import Organization


class Ways(Protocol):
    """What an import does with lines of one kind."""

    def columns_of(self, *, header: Sequence[str]) -> "Columns":
        """Where the file keeps what is needed; raises `NotReadable`."""
        ...

    def read_line(self, *, number: int, cells: Sequence[str], columns: "Columns") -> "ImportLine":
        """What the line says, before it is judged."""
        ...

    def judge(
        self,
        *,
        table: "Table",
        columns: "Columns",
        organization: "Organization",
        progress: Callable[[int], object],
        now: datetime,
    ) -> "Verdict":
        """Say of each line whether it could be recorded now."""
        ...

    def record(
        self, *, run: "ImportRun", lines: Sequence["ImportLine"], now: datetime
    ) -> list["Refusal"]:
        """Record the lines in the running transaction; those that can't be, with why."""
        ...


_ways: dict[str, Ways] = {}


def bring_ways(*, kind: str, ways: Ways) -> None:
    """Register how lines of a kind are handled."""
    _ways[kind] = ways


def ways_of(kind: str) -> Ways | None:
    """How lines of a kind are handled; None for users and devices, which are this floor's own."""
    return _ways.get(kind)
