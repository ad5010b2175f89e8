"""Which columns of a file say who was active and when, and the activity of each line."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from core.addresses import NotAnAddress, may_have_address, user_address
from tenants.imports.categories import meaning_of
from tenants.imports.columns import Header, first_filled, plain_name
from tenants.imports.file_reading import Table
from tenants.imports.kinds import Columns, ImportLine
from tenants.imports.reading.instants import (
    OrderUnknown,
    Written,
    orders_shown,
    written,
    zone_of_title,
)
from tenants.imports.reading.options import (
    Category,
    DateOrder,
    Doubt,
    DoubtKind,
    ReadingOptions,
)
from tenants.imports.reading.records import NotReadable
from tenants.imports.sources import words
from tenants.imports.sources.catalog import ACTIVITY_SOURCES, source_of, titles_of
from tenants.imports.sources.plain_files import PLAIN
from tenants.imports.sources.source import Meaning
from tenants.imports.user_columns import address_columns, values_in
from tenants.users.directory_ids import clean_external_id
from usage.active_users.identification import Sighting

FIELD_LABELS = {
    "address": "E-mail address",
    "external_id": "External ID",
    "instant": "Last active",
    "left": "Deleted (yes, no, or when)",
}
_EXTERNAL_IDS = ("externalid", "external")
_USER_IDS = ("userid", "id")
# Of several columns like these the latest instant counts. In plain form.
_LAST = re.compile(
    r"(?:signinactivity)?[a-z]*?last(?:successful|interactive|noninteractive|known)?"
    r"(?:activity|active|seen|signin|login|logon|loggedin|access|accessed|used)"
    r"(?:date|time|datetime|timestamp|stamp|at|on|utc|gmt)*"
)
_LAST_ELSEWHERE = re.compile(
    r"(?=.*(?:letzt|zuletzt|derni|ultim|laatst|ostatn|senast|sidst|siste|posledn|utols))"
    r"(?=.*(?:aktiv|anmeld|angemeld|activ|attiv|atividad|connexion|sesion|acces|login|logowan"
    r"|inlogg|logind|palogg|aanmeld|aktywn|prihlas)).*"
)
_ABOUT_OTHER_THINGS = re.compile(
    "pass|kennw|sync|motde|contras|senha|hasl|wachtw|(?<!ex)change|refresh"
)
_INSTANTS = (
    *("activeat", "seenat", "at", "timestamp", "time", "date", "datetime", "day"),
    *("createddatetime", "datum", "fecha", "data", "zeit", "zeitpunkt", "heure", "hora"),
)
_MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class ActivityLine(ImportLine):
    """`key` names the user, `name` is the instant as in the file, `at` is None if it is none."""

    named_by: str = "email"
    at: datetime | None = None

    def sighting(self) -> Sighting:
        """The sighting to record; the line has an instant."""
        if self.at is None:
            raise ValueError(self.name)
        if self.named_by == "email":
            return Sighting(at=self.at, email=self.key)
        if self.named_by == "external_id":
            return Sighting(at=self.at, external_id=self.key)
        return Sighting(at=self.at, user_id=int(self.key))


@dataclass(frozen=True)
class ActivityColumns(Columns):
    """The columns of activity; `zones` are those of titles, by position."""

    billing_zone: tzinfo = UTC
    zones: Mapping[int, tzinfo] = field(default_factory=dict)
    order: DateOrder | None = None
    empty_is_no_activity: bool = False

    def read(self, number: int, cells: Sequence[str]) -> ActivityLine:
        """The user of the line, and the latest instant before the user's deletion."""
        key, named_by = self._user(cells)
        texts = [
            (position, text)
            for position in self.of("instant")
            if position < len(cells) and (text := cells[position].strip())
        ]
        shown = " / ".join(text for _, text in texts)
        try:
            instants = [
                (self._instant(position, found), text)
                for position, text in texts
                if (found := written(text, self.order)) is not None
            ]
        except (ValueError, OverflowError):
            return ActivityLine(number, key, shown, named_by=named_by)
        failure = first_filled(cells, self.of("outcome"))
        if plain_name(failure) in words.FAILED:
            return ActivityLine(
                number,
                key,
                shown,
                category=Category.NO_ACTIVITY,
                word=failure,
                named_by=named_by,
            )
        deleted_by, word = self._deletion(cells)
        kept = [one for one in instants if deleted_by is None or one[0] < deleted_by]
        if kept:
            at, shown = max(kept)
            return ActivityLine(number, key, shown, named_by=named_by, at=at)
        is_none = bool(texts) or self.empty_is_no_activity
        category = Category.NO_ACTIVITY if is_none else Category.COUNTED
        return ActivityLine(
            number,
            key,
            shown,
            category=category,
            word=word if instants else shown,
            named_by=named_by,
        )

    def zone_of(self, position: int) -> tzinfo:
        """The zone of instants without one in this column."""
        chosen = ZoneInfo(self.options.zone) if self.options.zone else self.billing_zone
        return self.zones.get(position, chosen)

    def _instant(self, position: int, found: Written) -> datetime:
        days = self.zones.get(position, self.billing_zone)
        return found.instant(zone=self.zone_of(position), zone_of_days=days)

    def _user(self, cells: Sequence[str]) -> tuple[str, str]:
        """What names the user, an address before an id, and which of both it is."""
        if address := first_filled(cells, self.of("address")):
            with suppress(NotAnAddress):
                address = user_address(address)
            return address, "email"
        if external_id := clean_external_id(first_filled(cells, self.of("external_id"))):
            return external_id, "external_id"
        user_id = clean_external_id(first_filled(cells, self.of("user_id")))
        if user_id.isascii() and user_id.isdecimal() and len(user_id) <= _MOST_DIGITS:
            return user_id, "user_id"
        return user_id, "external_id"

    def _deletion(self, cells: Sequence[str]) -> tuple[datetime | None, str]:
        """When a deleted user's activity must have ended, and the words that say so."""
        for position in self.of("left"):
            text = cells[position].strip() if position < len(cells) else ""
            if not text or meaning_of("left", text, PLAIN)[0] != Meaning.LEFT:
                continue
            with suppress(ValueError, OverflowError):
                if (found := written(text, self.order)) is not None:
                    zone = self.zones.get(position, self.billing_zone)
                    return found.day_ends(zone=zone), f"{self.titles[position]}: {text}"
        return None, ""


def activity_columns(
    *, table: Table, options: ReadingOptions, billing_zone: tzinfo
) -> ActivityColumns:
    """The columns of a file of activity. Raises `NotReadable` without users or instants."""
    header = Header(table.header)
    source = source_of(header, ACTIVITY_SOURCES)
    doubts: list[Doubt] = []
    sample = table.sample()
    fields = {
        "external_id": header.find(_EXTERNAL_IDS),
        "user_id": header.find(_USER_IDS),
        "left": header.find(titles_of(PLAIN, "left")),
        "outcome": header.find(titles_of(source, "outcome")),
        "instant": _instant_columns(header, sample),
    }
    has_ids = bool(fields["external_id"] or fields["user_id"])
    addresses = address_columns(header, source, sample, doubts, by_values=not has_ids)
    fields["address"] = () if has_ids and not _has_addresses(sample, addresses) else addresses
    for name in FIELD_LABELS:
        fields[name] = header.chosen(options.columns, name) or fields[name]
    if not (fields["address"] or fields["external_id"] or fields["user_id"]):
        raise NotReadable(header.no_column("that names the user"))
    if not fields["instant"]:
        raise NotReadable(header.no_column("with the day or instant"))
    zones = {
        position: zone
        for position in (*fields["instant"], *fields["left"])
        if (zone := zone_of_title(table.header[position])) is not None
    }
    order, date_doubts = _order_of(table, fields["instant"], options)
    return ActivityColumns(
        titles=tuple(table.header),
        fields={name: positions for name, positions in fields.items() if positions},
        source=source.name,
        secrets=header.secrets(),
        options=options,
        doubts=(*doubts, *date_doubts, *_zone_doubts(table, fields["instant"], zones, options)),
        billing_zone=billing_zone,
        zones=zones,
        order=order,
        empty_is_no_activity=source.empty_is_no_activity,
    )


def _has_addresses(sample: Sequence[Sequence[str]], positions: Sequence[int]) -> bool:
    return any(
        may_have_address(value) for position in positions for value in values_in(sample, position)
    )


def _instant_columns(header: Header, sample: Sequence[Sequence[str]]) -> tuple[int, ...]:
    """The columns of last activity, else the first of the usual titles of an instant.

    Of several, those stay whose values are instants.
    """
    last = header.matching(_is_last_activity)
    dated = tuple(each for each in last if _has_instants(values_in(sample, each)))
    plain_utc = {name.removesuffix("utc").removesuffix("gmt"): name for name in header.names}
    usual = header.find([plain_utc[name] for name in _INSTANTS if name in plain_utc])[:1]
    return dated or usual or last


def _is_last_activity(name: str) -> bool:
    is_last = bool(_LAST.fullmatch(name) or _LAST_ELSEWHERE.fullmatch(name))
    return is_last and not _ABOUT_OTHER_THINGS.search(name)


def _has_instants(values: Sequence[str]) -> bool:
    """Whether at least half of the values are instants, or say that there is none."""
    return sum(map(_is_instant, values)) * 2 >= len(values)


def _is_instant(text: str) -> bool:
    try:
        written(text)
    except OrderUnknown:
        return True
    except (ValueError, OverflowError):
        return False
    return True


def _texts(table: Table, positions: Sequence[int]) -> Iterator[str]:
    for _, cells in table.lines():
        for position in positions:
            if position < len(cells) and cells[position].strip():
                yield cells[position]


def _order_of(
    table: Table, positions: Sequence[int], options: ReadingOptions
) -> tuple[DateOrder | None, list[Doubt]]:
    """The order of day and month: the person's, else the one that all dates of the file show."""
    if options.date_order is not None:
        return options.date_order, []
    shown, example = orders_shown(_texts(table, positions))
    if len(shown) == 1:
        return shown.pop(), []
    if not example:
        return None, []
    first, second = re.split(r"[/-]", example)[:2]
    return None, [
        Doubt(
            DoubtKind.DATE_ORDER,
            f"The date {example} can be read in two ways: is {first} or {second} the day? "
            "Lines with such dates are not imported until you choose.",
            must_ask=True,
            alternatives=tuple(DateOrder.values),
            examples=(f"{first} is the day", f"{second} is the day"),
        )
    ]


def _zone_doubts(
    table: Table,
    positions: Sequence[int],
    zones: Mapping[int, tzinfo],
    options: ReadingOptions,
) -> list[Doubt]:
    """A question about the zone of instants for which neither the file nor the person has one."""
    if options.zone:
        return []
    open_ones = [position for position in positions if position not in zones]
    if not any(":" in text and _needs_zone(text) for text in _texts(table, open_ones)):
        return []
    titles = ", ".join(f"“{table.header[position]}”" for position in open_ones[:3])
    return [
        Doubt(
            DoubtKind.ZONE,
            f"The times in {titles} have no time zone. They are read in your billing time zone.",
            alternatives=("UTC",),
        )
    ]


def _needs_zone(text: str) -> bool:
    try:
        found = written(text, DateOrder.DAY_FIRST)
    except (ValueError, OverflowError):
        return False
    return found is not None and found.needs_zone
