"""What a benchmark says."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """A figure beside its floor; `limit` is the highest ratio that is good enough.

    `floor` and `measured` are of the same unit. Without a limit it is only told.
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
        verdict = "" if self.is_within else "  OVER THE LIMIT"
        return f"{self.name} {self.ratio:.2f} {self.floor:.4g}{self.unit} {limit}{verdict}"
