"""What the cells of a downloaded table are, beside texts, whole numbers, decimals and dates."""

from dataclasses import dataclass
from datetime import datetime, tzinfo

Cell = object


class CannotHold(ValueError):
    """The chosen file can't hold a text of the table; the message for the page says which."""


@dataclass(frozen=True, slots=True)
class Instant:
    """An aware instant, shown in `zone`.

    In CSV it is ISO 8601 with the offset, to the microsecond or to the second. `zone_in_heading`
    leaves the offset out, because the column's heading names the zone.
    """

    at: datetime
    zone: tzinfo
    whole_seconds: bool = False
    zone_in_heading: bool = False

    @property
    def local(self) -> datetime:
        """The instant in its zone."""
        return self.at.astimezone(self.zone)

    def __str__(self) -> str:
        """The text in CSV."""
        if self.zone_in_heading:
            return f"{self.local:%Y-%m-%d %H:%M:%S}"
        return self.local.isoformat(timespec="seconds" if self.whole_seconds else "auto")


def instant_cell(at: datetime | None, zone: tzinfo, *, whole_seconds: bool = False) -> Cell:
    """The cell of an instant; an empty one for None."""
    return "" if at is None else Instant(at, zone, whole_seconds=whole_seconds)
