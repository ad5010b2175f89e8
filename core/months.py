"""Billing months and days: half-open spans in a provider's billing time zone. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo

MONTHS_OF_A_YEAR = 12
# Far from the ends of Python's calendar, where the next month or another zone would overflow.
YEARS = range(1970, 3000)


def day_starts_at(*, day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a local day, in UTC.

    Where clocks skip midnight, the instant of the change; where midnight occurs twice, the first
    (both as `fold=0` means, PEP 495). So consecutive days leave no gap and never overlap.
    """
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def day_ends_at(*, day: date, zone: ZoneInfo) -> datetime:
    """The first instant after a local day, in UTC: where the next day starts."""
    return day_starts_at(day=day + timedelta(days=1), zone=zone)


def last_finished_day(*, now: datetime, zone: ZoneInfo) -> date:
    """The latest local day that is over at `now` (aware)."""
    return now.astimezone(zone).date() - timedelta(days=1)


@dataclass(frozen=True, order=True)
class Month:
    """A calendar month; with a zone, the half-open billing month `[starts_at, ends_at)`.

    Computed from the calendar, never by adding days to another month (docs/decisions/0004). Months
    order by time; `str` gives "2026-10". Raises `ValueError` for a month that does not exist.
    """

    year: int
    month: int

    def __post_init__(self) -> None:
        if self.year not in YEARS or not 1 <= self.month <= MONTHS_OF_A_YEAR:
            raise ValueError(f"There is no month {self.month} of {self.year}.")

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    @classmethod
    def of(cls, instant: datetime, zone: ZoneInfo) -> Self:
        """The billing month that an instant (aware) falls in."""
        if instant.tzinfo is None:
            raise ValueError("An instant has a time zone.")
        local = instant.astimezone(zone)
        return cls(local.year, local.month)

    @classmethod
    def of_day(cls, day: date) -> Self:
        """The month that a local day falls in."""
        return cls(day.year, day.month)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The month of a text like "2026-10"; raises `ValueError` for anything else."""
        match = re.fullmatch(r"([0-9]{4})-([0-9]{2})", text)
        if match is None:
            raise ValueError(f"{text!r} is not a month: write it like 2026-10.")
        try:
            return cls(int(match[1]), int(match[2]))
        except ValueError:
            raise ValueError(f"{text!r} is not a month: there is no such month.") from None

    @property
    def first_day(self) -> date:
        """The first local day of the month; the key of monthly rows."""
        return date(self.year, self.month, 1)

    @property
    def last_day(self) -> date:
        """The last local day of the month."""
        return self.next.first_day - timedelta(days=1)

    @property
    def days(self) -> list[date]:
        """The local days of the month, in order."""
        return [self.first_day + timedelta(days=n) for n in range(self.last_day.day)]

    @property
    def next(self) -> "Month":
        """The month after."""
        return self.plus(months=1)

    @property
    def previous(self) -> "Month":
        """The month before."""
        return self.plus(months=-1)

    def plus(self, *, months: int) -> "Month":
        """The month this many months later, or earlier when negative."""
        years, index = divmod(self.month - 1 + months, MONTHS_OF_A_YEAR)
        return Month(self.year + years, index + 1)

    def starts_at(self, zone: ZoneInfo) -> datetime:
        """The first instant of the billing month, in UTC."""
        return day_starts_at(day=self.first_day, zone=zone)

    def ends_at(self, zone: ZoneInfo) -> datetime:
        """The first instant after the billing month, in UTC: where the next one starts."""
        return self.next.starts_at(zone)
