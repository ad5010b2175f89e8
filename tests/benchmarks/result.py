"""The result of a benchmark."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """A measured figure and its floor, in the same unit; `limit` is the highest accepted ratio.

    Without a limit, the result is only printed.
    """

    name: str
    measured: float
    floor: float
    unit: str
    limit: float | None = None

    @property
    def ratio(self) -> float:
        return self.measured / self.floor

    @property
    def is_within(self) -> bool:
        return self.limit is None or self.ratio <= self.limit

    def __str__(self) -> str:
        limit = "-" if self.limit is None else f"{self.limit:g}"
        note = "" if self.is_within else "  OVER THE LIMIT"
        return f"{self.name} {self.ratio:.2f} {self.floor:.4g}{self.unit} {limit}{note}"
