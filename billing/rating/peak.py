"""The event that made a billed quantity. Pure."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Peak:
    """The event that made a high-water mark; all None if the mark was carried in."""

    event_id: int | None = None
    at: datetime | None = None
    count_before: int | None = None
    subject_name: str = ""
    actor_name: str = ""

    @classmethod
    def reached(
        cls,
        high_water_mark: int,
        *,
        event_id: int | None,
        at: datetime | None,
        subject_name: str,
        actor_name: str,
    ) -> "Peak":
        """The peak of a high-water mark that one addition reached; without an event, carried in."""
        before = high_water_mark - 1 if event_id else None
        return cls(event_id, at, before, subject_name, actor_name)


CARRIED_IN = Peak()
