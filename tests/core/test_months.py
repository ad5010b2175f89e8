"""Billing days and months of 2024 to 2032, in zones with unusual clock changes."""

import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from core.months import Month, day_ends_at, day_starts_at, last_finished_day

# Clock changes at midnight, offsets of half and quarter hours, and both sides of the date line.
ZONES = [
    "Africa/Cairo", "Africa/Casablanca", "Africa/El_Aaiun", "Africa/Johannesburg",
    "America/Asuncion", "America/Chicago", "America/Denver", "America/Havana",
    "America/Los_Angeles", "America/New_York", "America/Nuuk", "America/Port-au-Prince",
    "America/Santiago", "America/Sao_Paulo", "America/Scoresbysund", "America/St_Johns",
    "Antarctica/Troll", "Asia/Amman", "Asia/Beirut", "Asia/Gaza", "Asia/Hebron", "Asia/Jerusalem",
    "Asia/Kathmandu", "Asia/Kolkata", "Asia/Tehran", "Asia/Tokyo", "Atlantic/Azores",
    "Australia/Eucla", "Australia/Lord_Howe", "Australia/Sydney", "Etc/GMT+12", "Etc/GMT-14",
    "Europe/Berlin", "Europe/Dublin", "Europe/London", "Pacific/Apia", "Pacific/Auckland",
    "Pacific/Chatham", "Pacific/Easter", "Pacific/Kiritimati", "Pacific/Norfolk", "UTC",
]  # fmt: skip
FIRST, LAST = date(2024, 1, 1), date(2032, 12, 31)
DAYS = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
MONTHS = [Month(year, month) for year in range(2024, 2033) for month in range(1, 13)]
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize("name", ZONES)
def test_days_are_half_open_and_leave_no_gap(name: str) -> None:
    zone = ZoneInfo(name)
    for day in DAYS:
        start, end = day_starts_at(day=day, zone=zone), day_ends_at(day=day, zone=zone)
        assert start.tzinfo is UTC
        assert timedelta(hours=22) <= end - start <= timedelta(hours=26)
        assert start.astimezone(zone).date() == day
        assert (start - TICK).astimezone(zone).date() == day - timedelta(days=1)
        assert (end - TICK).astimezone(zone).date() == day
        assert last_finished_day(now=end, zone=zone) == day
        assert last_finished_day(now=end - TICK, zone=zone) == day - timedelta(days=1)


@pytest.mark.parametrize("name", sorted(available_timezones() - {"localtime", "Factory"}))
def test_months_of_every_zone_are_half_open_and_contiguous(name: str) -> None:
    zone = ZoneInfo(name)
    for month in MONTHS:
        start, end = month.starts_at(zone), month.ends_at(zone)
        assert end == month.next.starts_at(zone)
        assert Month.of(start, zone) == month == Month.of(end - TICK, zone)
        assert Month.of(start - TICK, zone) == month.previous
        assert Month.of(end, zone) == month.next


@pytest.mark.parametrize("name", ZONES)
def test_every_instant_is_in_the_month_whose_span_holds_it(name: str) -> None:
    zone, dice = ZoneInfo(name), random.Random(name)
    for day in DAYS:
        instant = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(
            seconds=dice.randrange(86_400)
        )
        month = Month.of(instant, zone)
        assert month.starts_at(zone) <= instant < month.ends_at(zone)


def test_a_midnight_that_clocks_skip_starts_at_the_change() -> None:
    # Santiago, 6 September 2026: 23:59:59 is followed by 01:00:00.
    zone = ZoneInfo("America/Santiago")
    assert day_starts_at(day=date(2026, 9, 6), zone=zone) == datetime(2026, 9, 6, 4, tzinfo=UTC)


def test_a_midnight_that_comes_twice_starts_at_the_first() -> None:
    # Havana, 1 November 2026: 00:59:59 is followed by 00:00:00 again.
    assert Month(2026, 11).starts_at(ZoneInfo("America/Havana")) == datetime(
        2026, 11, 1, 4, tzinfo=UTC
    )


@pytest.mark.parametrize("month", MONTHS)
def test_a_month_agrees_with_its_neighbours_and_days(month: Month) -> None:
    assert Month.parse(str(month)) == month == Month.of_day(month.last_day)
    assert month.next.previous == month == month.previous.next
    assert month.previous < month < month.next
    assert month.days[0] == month.first_day
    assert month.days[-1] == month.last_day
    assert len(month.days) == (month.next.first_day - month.first_day).days
    assert month.plus(months=-25).plus(months=25) == month


@pytest.mark.parametrize(
    "text",
    [
        "2026-13",
        "2026-00",
        "2026-1",
        "26-10",
        "2026-10-01",
        "",
        "٢٠٢٦-10",
        "2026-10\n",
        "0000-01",
        "9999-12",
    ],
)
def test_parsing_a_text_that_is_no_month_fails(text: str) -> None:
    with pytest.raises(ValueError, match="not a month"):
        Month.parse(text)


def test_an_instant_without_a_zone_has_no_month() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Month.of(datetime(2026, 10, 1), ZoneInfo("UTC"))  # noqa: DTZ001 - what is refused
