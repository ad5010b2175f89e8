"""The days to which the clock is moved. Pure.

The clock arrives at noon UTC, when the day has come in every billing zone of Europe and America and
the morning's rounds are over.
"""

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from core.months import MONTHS_OF_A_YEAR, Month

LONGEST = timedelta(days=400)


class Destination(StrEnum):
    """What the page offers."""

    TOMORROW = "tomorrow"
    FIRST = "first"
    DAYS_30 = "30-days"
    DAYS_45 = "45-days"
    YEAR = "year"

    @property
    def label(self) -> str:
        """Its name on a button."""
        return _LABELS[self]

    def day(self, *, today: date) -> date:
        """The day that it means."""
        if self is Destination.FIRST:
            return first_of_next_month(today)
        if self is Destination.YEAR:
            month = Month.of_day(today)
            for _ in range(MONTHS_OF_A_YEAR):
                month = month.next
            return month.first_day
        return today + timedelta(days=_DAYS[self])


_DAYS = {Destination.TOMORROW: 1, Destination.DAYS_30: 30, Destination.DAYS_45: 45}
_LABELS = {
    Destination.TOMORROW: "Tomorrow",
    Destination.FIRST: "The 1st",
    Destination.DAYS_30: "30 days on",
    Destination.DAYS_45: "45 days on",
    Destination.YEAR: "A year on",
}


def first_of_next_month(today: date) -> date:
    """The day on which the running month is closed."""
    return Month.of_day(today).next.first_day


def arrival(day: date) -> datetime:
    """The instant of a day at which the clock arrives."""
    return datetime.combine(day, time(12), tzinfo=UTC)
