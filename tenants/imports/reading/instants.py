"""Days and instants as tools and spreadsheets write them (docs/decisions/0050). Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.months import YEARS, day_starts_at
from tenants.imports.columns import plain_name
from tenants.imports.reading.options import DateOrder
from tenants.imports.sources.source import plain

NEVER = frozenset(
    plain(
        """never;never logged in;never signed in;not available;n/a;null;none;no activity;unknown
        nie;niemals;nie angemeldet;jamais;jamais connecté;nunca;mai;nooit;nigdy;aldrig;aldri;nikdy
        soha;niciodată;hiç;никогда;ei koskaan;なし;从未;없음"""
    )
)
_LAST_MONTH = 12
# 100 nanoseconds since 1601, as Active Directory counts; 0 and the largest number are never.
_FILE_TIME_EPOCH, _FILE_TIME_NEVER = datetime(1601, 1, 1, tzinfo=UTC), 2**63 - 1
_NUMBER = re.compile(r"(\d{9,10})(\.\d+)?|\d{13}|\d{16}|\d{17,19}|0")
_GENERALIZED = re.compile(r"(\d{14})(?:\.\d+)?(Z)?")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_YEAR_FIRST = re.compile(r"(?P<y>\d{4})[/.-](?P<m>\d{1,2})[/.-](?P<d>\d{1,2})")
_LOCAL = re.compile(r"(?P<a>\d{1,2})(?P<by>[/.-])(?P<b>\d{1,2})(?P=by)(?P<y>\d{4}|\d{2})")
_NAMED = re.compile(
    r"(?:[a-z]{3,9},?\s+)?(?:(?P<d>\d{1,2})[\s-]+(?P<m>[a-z]{3,9})|(?P<m2>[a-z]{3,9})\s+(?P<d2>\d{1,2}))"
    r",?[\s-]+(?P<y>\d{4})",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"(?:T|,|\s)*(?:at\s+)?(?P<h>\d{1,2})[:.](?P<min>\d{2})(?:[:.](?P<s>\d{2})(?:[.,](?P<f>\d+))?)?"
    r"\s*(?P<half>[ap]\.?\s?m\.?)?\s*\(?(?P<zone>Z|(?:UTC|GMT)?\s*(?:[+-]\d{1,2}(?::?\d{2})?)?)\)?",
    re.IGNORECASE,
)
_OFFSET = re.compile(r"(?:UTC|GMT|Z)?\s*(?:([+-])(\d{1,2})(?::?(\d{2}))?)?", re.IGNORECASE)
_REMARK = re.compile(r"[(\[]([^)\]]+)[)\]]")
_ENDS_IN_UTC = re.compile(r"(?:[\s_-]|(?<=[a-z]))(?:UTC|Utc|GMT)$|[\s_-](?:utc|gmt)$")
_ZONES = {
    **dict.fromkeys(("ET", "EST", "EDT"), "America/New_York"),
    **dict.fromkeys(("CT", "CDT"), "America/Chicago"),
    **dict.fromkeys(("MT", "MST", "MDT"), "America/Denver"),
    **dict.fromkeys(("PT", "PST", "PDT"), "America/Los_Angeles"),
    **dict.fromkeys(("CET", "CEST", "MEZ", "MESZ"), "Europe/Berlin"),
}


@dataclass(frozen=True, slots=True)
class Written:
    """A day, or an instant, as it was written; `at` is naive where it says no zone."""

    at: datetime
    is_day: bool = False

    @property
    def needs_zone(self) -> bool:
        """Whether it is an instant without a zone."""
        return not self.is_day and self.at.tzinfo is None

    def instant(self, *, zone: tzinfo, zone_of_days: tzinfo) -> datetime:
        """The instant; a day means its first instant."""
        if self.is_day or (self.at.tzinfo is None and self.at.time() == time.min):
            return _day_starts(self.at.date(), zone_of_days if self.is_day else zone)
        return self.at if self.at.tzinfo is not None else self.at.replace(tzinfo=zone)

    def day_ends(self, *, zone: tzinfo) -> datetime:
        """The first instant after the day; of an instant, the next moment."""
        if self.is_day:
            return _day_starts(self.at.date() + timedelta(days=1), zone)
        at = self.at if self.at.tzinfo is not None else self.at.replace(tzinfo=zone)
        return at + timedelta(microseconds=1)


class OrderUnknown(ValueError):
    """Day and month of a date could be exchanged."""


@lru_cache(maxsize=10_000)
def written(text: str, order: DateOrder | None = None) -> Written | None:
    """What the text says; None where it says never. `order` is for dates such as 03/04/2026.

    Raises `OrderUnknown` for such a date without an order, and `ValueError` for any other text.
    """
    text = " ".join(text.split())
    if not text.strip("-–—.") or (not text[0].isdecimal() and plain_name(text) in NEVER):
        return None
    found = _numbered(text) if _NUMBER.fullmatch(text) else _spelled(text, order)
    if found is None or _is_never(found.at):
        return None
    if found.at.year not in YEARS[1:-1]:
        raise ValueError(text)
    return found


def orders_shown(texts: Iterable[str]) -> tuple[set[DateOrder], str]:
    """The orders that dates of the texts show, and the first date that shows none."""
    shown, open_date = set(), ""
    for text in texts:
        found = _LOCAL.match(text.strip())
        if found is None or found["by"] == ".":
            continue
        first, second = int(found["a"]), int(found["b"])
        if first > _LAST_MONTH:
            shown.add(DateOrder.DAY_FIRST)
        elif second > _LAST_MONTH:
            shown.add(DateOrder.MONTH_FIRST)
        elif first != second and not open_date:
            open_date = found[0]
    return shown, open_date


def zone_of_title(title: str) -> tzinfo | None:
    """The time zone that a title names, such as "Last sign-in (UTC)"; None without one."""
    for remark in _REMARK.findall(title):
        if zone := _zone_named(remark.strip()):
            return zone
    return UTC if _ENDS_IN_UTC.search(title.strip()) else None


def _zone_named(text: str) -> tzinfo | None:
    if text.upper() in _ZONES:
        return ZoneInfo(_ZONES[text.upper()])
    try:
        if text and _OFFSET.fullmatch(text):
            return _offset(text)
        return ZoneInfo(text) if "/" in text else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _offset(text: str) -> tzinfo:
    found = _OFFSET.fullmatch(text.strip())
    if found is None or not found[1]:
        return UTC
    distance = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    return timezone(distance if found[1] == "+" else -distance)


def _numbered(text: str) -> Written | None:
    number = float(text)
    whole = text.partition(".")[0]
    if len(whole) <= 1 or (len(whole) >= 17 and int(whole) >= _FILE_TIME_NEVER):  # noqa: PLR2004 - as below
        return None
    if len(whole) >= 17:  # noqa: PLR2004 - Active Directory
        try:
            return Written(_FILE_TIME_EPOCH + timedelta(microseconds=int(whole) // 10))
        except OverflowError:
            raise ValueError(text) from None
    seconds = number / {13: 1_000, 16: 1_000_000}.get(len(whole), 1)
    return Written(datetime.fromtimestamp(seconds, UTC))


def _spelled(text: str, order: DateOrder | None) -> Written:
    if generalized := _GENERALIZED.fullmatch(text):
        at = datetime.strptime(generalized[1], "%Y%m%d%H%M%S")  # noqa: DTZ007 - the zone follows
        return Written(at.replace(tzinfo=UTC) if generalized[2] else at)
    for shape in (_YEAR_FIRST, _LOCAL, _NAMED):
        if found := shape.match(text):
            return _with_time(_day(found, order), text[found.end() :])
    at = datetime.fromisoformat(text)
    return Written(at, is_day=len(text) <= len("2026-W48-5") and "T" not in text)


def _day(found: re.Match[str], order: DateOrder | None) -> date:
    parts = found.groupdict()
    year = int(parts["y"]) + (2000 if len(parts["y"]) == 2 else 0)  # noqa: PLR2004 - digits
    if "a" not in parts:
        name = parts.get("m2") or parts["m"]
        month = int(name) if name.isdecimal() else _MONTHS.index(name[:3].lower()) + 1
        return date(year, month, int(parts.get("d2") or parts["d"]))
    first, second = int(parts["a"]), int(parts["b"])
    if parts["by"] == "." or first > _LAST_MONTH or order == DateOrder.DAY_FIRST:
        return date(year, second, first)
    if second > _LAST_MONTH or order == DateOrder.MONTH_FIRST or first == second:
        return date(year, first, second)
    raise OrderUnknown(found[0])


def _with_time(day: date, rest: str) -> Written:
    if not rest.strip():
        return Written(datetime.combine(day, time.min), is_day=True)
    found = _TIME.fullmatch(rest.strip())
    if found is None or rest[0].isdecimal():
        raise ValueError(rest)
    hour = int(found["h"])
    if half := found["half"]:
        if not 1 <= hour <= _LAST_MONTH:
            raise ValueError(rest)
        hour = hour % 12 + (12 if half[0].lower() == "p" else 0)
    microsecond = int((found["f"] or "0")[:6].ljust(6, "0"))
    at = datetime.combine(day, time(hour, int(found["min"]), int(found["s"] or 0), microsecond))
    return Written(at.replace(tzinfo=_offset(found["zone"])) if found["zone"].strip() else at)


def _day_starts(day: date, zone: tzinfo) -> datetime:
    if isinstance(zone, ZoneInfo):
        return day_starts_at(day=day, zone=zone)
    return datetime.combine(day, time.min, tzinfo=zone)


def _is_never(at: datetime) -> bool:
    """Whether the instant is the zero of a clock: the years 1 and 1601, or the start of 1970."""
    is_epoch = (at.year, at.month, at.day, at.hour, at.minute) == (1970, 1, 1, 0, 0)
    return at.year in (1, 1601) or is_epoch
