"""Which columns of a file say what about a user, and the user of each line."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from core.addresses import (
    NotAnAddress,
    address_key,
    clean_address,
    is_guest_name,
    key_of_clean,
    may_have_address,
    user_address,
)
from core.names import clean_name
from tenants.imports.categories import FIELDS_BY_VALUES, Signs, has_meanings
from tenants.imports.columns import Header, first_filled, plain_name
from tenants.imports.file_reading import Table
from tenants.imports.kinds import Columns, ImportLine
from tenants.imports.reading.options import Doubt, DoubtKind, ReadingOptions
from tenants.imports.reading.records import NotReadable
from tenants.imports.sources.catalog import USER_SOURCES, source_of, titles_of
from tenants.imports.sources.plain_files import PLAIN
from tenants.imports.sources.source import Source
from tenants.models import EXTERNAL_ID_LENGTH
from tenants.users.directory_ids import clean_external_id, directory_of

# The fields whose column a person can choose.
FIELD_LABELS = {
    "address": "E-mail address",
    "name": "Name",
    "first_name": "First name",
    "last_name": "Last name",
    "state": "State",
    "blocked": "Blocked (yes or no)",
    "enabled": "Enabled (yes or no)",
    "left": "Deleted (yes, no, or when)",
    "type": "Type of account",
    "licenses": "Licenses",
    "external_id": "External ID",
}
_READ_FIELDS = (*FIELD_LABELS, "activated", "licensed", "possible_id")
# Before an address, or a scheme such as "smtp:" and "X500:", whose names have separators inside.
_BETWEEN_ADDRESSES = re.compile(r"[+;,|\s](?=\s*(?:[a-z][a-z\d]*:|[^\s+;,|@]+@))", re.IGNORECASE)
_MOSTLY, _HALF = 0.8, 0.5


@dataclass(frozen=True)
class UserColumns(Columns):
    """The columns of users; `signs` read their states.

    `other_addresses` are the clean addresses beside the first one that only the line of that number
    has.
    """

    signs: Signs = field(default_factory=lambda: Signs(PLAIN, (), {}))
    ids_of: str = ""
    other_addresses: Mapping[int, tuple[str, ...]] = field(default_factory=dict)

    def read(self, number: int, cells: Sequence[str]) -> ImportLine:
        """The user of a line; an address that can't be read is as in the file."""
        given = first_filled(cells, self.of("address"))
        name = first_filled(cells, self.of("name"))
        first = first_filled(cells, self.of("first_name"))
        last = first_filled(cells, self.of("last_name"))
        judgment = self.signs.judgment(
            number, cells, address=given, name=name, has_names=bool(first or last)
        )
        principal_name = given if is_guest_name(given) else ""
        if principal_name:
            given = self._address_of_guest(given, cells)
        with suppress(NotAnAddress):
            given = user_address(given)
        others = self.other_addresses.get(number, ())
        if given in others:
            others = tuple(one for one in others if one != given)
        if principal_name:
            # A guest may have been added by this name.
            others = (*others, principal_name.lower())
        return ImportLine(
            number,
            given,
            clean_name(name or f"{first} {last}".strip()),
            judgment.state,
            self._external_id(cells),
            judgment.category,
            judgment.word,
            others,
        )

    def doubts_of_lines(self) -> list[Doubt]:
        """The states of the lines so far that are not known."""
        return self.signs.doubts()

    def _address_of_guest(self, principal_name: str, cells: Sequence[str]) -> str:
        """The guest's mail, else the principal name, which has the address inside."""
        for position in self.of("address"):
            text = cells[position].strip() if position < len(cells) else ""
            if not is_guest_name(text) and may_have_address(text):
                return text
        return principal_name

    def _external_id(self, cells: Sequence[str]) -> str | None:
        """The id of the line; under a title that may mean anything, only one of a directory."""
        certain = clean_external_id(first_filled(cells, self.of("external_id")))
        if certain:
            return f"{self.ids_of}{certain}"[:EXTERNAL_ID_LENGTH]
        possible = clean_external_id(first_filled(cells, self.of("possible_id")))
        return possible if directory_of(possible) else None


def other_addresses(cells: Sequence[str], positions: Sequence[int], key: str) -> tuple[str, ...]:
    """The clean addresses in these cells beside the key; a cell may have several."""
    found: list[str] = []
    for position in positions:
        text = cells[position] if position < len(cells) else ""
        if not may_have_address(text) or text.lower() == key or is_guest_name(text):
            continue
        for part in _BETWEEN_ADDRESSES.split(text):
            if may_have_address(part):
                with suppress(NotAnAddress):
                    found.append(clean_address(part))
    return tuple(one for one in dict.fromkeys(found) if one != key)


def _others_of_lines(
    table: Table, fields: Mapping[str, tuple[int, ...]]
) -> dict[int, tuple[str, ...]]:
    """The other addresses of each line that has some, by its number.

    An address of several lines belongs to the line whose own it is, else to the first.
    """
    owners: dict[str, int] = {}
    own: set[str] = set()
    found: dict[int, tuple[str, ...]] = {}
    for number, cells in table.lines():
        given = first_filled(cells, fields["address"])
        key = address_key(given)
        if key not in own:
            own.add(key)
            owners[key] = number
        if others := other_addresses(cells, fields["other_address"], given.lower()):
            found[number] = others
            for address in others:
                owners.setdefault(key_of_clean(address), number)
    for number, others in found.items():
        mine = tuple(one for one in others if owners[key_of_clean(one)] == number)
        if mine != others:
            found[number] = mine
    return found


def user_columns(*, table: Table, options: ReadingOptions) -> UserColumns:
    """The columns of a file of users. Raises `NotReadable` without a column of addresses."""
    header = Header(table.header)
    source = source_of(header, USER_SOURCES)
    sample = table.sample()
    fields = {
        name: header.chosen(options.columns, name) or header.find(titles_of(source, name))
        for name in _READ_FIELDS
    }
    doubts: list[Doubt] = []
    if not header.chosen(options.columns, "address"):
        fields["address"] = address_columns(header, source, sample, doubts)
    if not fields["address"]:
        raise NotReadable(header.no_column("with the e-mail address"))
    for name in FIELDS_BY_VALUES:
        if not header.chosen(options.columns, name):
            fields[name], dropped = _with_meanings(name, fields[name], sample, source)
            doubts += [_not_read(header, position, sample) for position in dropped]
    _give_names(header, source, fields, options.columns)
    fields["other_address"] = tuple(
        position
        for position in dict.fromkeys(
            (
                *header.find(titles_of(source, "address")),
                *header.find(titles_of(PLAIN, "user_name")),
                *header.find(titles_of(source, "other_address")),
            )
        )
        if position != fields["address"][0]
    )
    return UserColumns(
        titles=tuple(table.header),
        fields={name: positions for name, positions in fields.items() if positions},
        source=source.name,
        secrets=header.secrets(),
        options=options,
        doubts=tuple(doubts),
        signs=Signs(source, table.header, fields),
        ids_of=source.ids_of,
        other_addresses=_others_of_lines(table, fields) if fields["other_address"] else {},
    )


def _with_meanings(
    field: str, positions: Sequence[int], sample: Sequence[Sequence[str]], source: Source
) -> tuple[tuple[int, ...], list[int]]:
    """The columns whose values mean something in this field, and the others."""
    kept = tuple(each for each in positions if has_meanings(field, values_in(sample, each), source))
    return kept, [each for each in positions if each not in kept]


def _not_read(header: Header, position: int, sample: Sequence[Sequence[str]]) -> Doubt:
    values = tuple(dict.fromkeys(value.strip() for value in values_in(sample, position)))[:3]
    shown = ", ".join(f"“{value[:40]}”" for value in values)
    return Doubt(
        DoubtKind.COLUMN,
        f"The column “{header.titles[position]}” is not used, because most of its values say "
        f"nothing about a user’s state: {shown}.",
        examples=values,
    )


def address_columns(
    header: Header,
    source: Source,
    sample: Sequence[Sequence[str]],
    doubts: list[Doubt],
    *,
    by_values: bool = True,
) -> tuple[int, ...]:
    """The columns of addresses: by title if their values are addresses, else by values alone.

    A doubt is added for a column that only its values tell.
    """
    named = header.find(titles_of(source, "address"))
    possible = header.find(titles_of(PLAIN, "user_name"))
    shares = {
        position: _share_of_addresses(values_in(sample, position))
        for position in range(len(header.titles))
        if position not in header.secrets()
    }
    has_some = {each for each, share in shares.items() if share is None or share >= _HALF}
    found = tuple(each for each in named if each in has_some)
    if any(shares[each] for each in found):
        return found
    found = tuple(each for each in possible if each in has_some and shares[each])
    if found:
        return found
    with_addresses = [each for each, share in shares.items() if (share or 0) >= _MOSTLY]
    if by_values and with_addresses:
        title = header.titles[with_addresses[0]]
        doubts.append(
            Doubt(
                DoubtKind.COLUMN,
                f"The column “{title}” is read as the e-mail address, because it has addresses.",
                alternatives=tuple(header.titles[each] for each in with_addresses),
            )
        )
        return (with_addresses[0],)
    return named or possible


def values_in(sample: Sequence[Sequence[str]], position: int) -> list[str]:
    """The cells of a column that are not blank."""
    return [
        cells[position] for cells in sample if position < len(cells) and cells[position].strip()
    ]


def _share_of_addresses(values: Sequence[str]) -> float | None:
    """The share of the values that look like an address; None without values."""
    return sum(map(may_have_address, values)) / len(values) if values else None


def _give_names(
    header: Header,
    source: Source,
    fields: dict[str, tuple[int, ...]],
    chosen: Mapping[str, str],
) -> None:
    """A title such as “Nom” or “Name” means the last name beside a first name, and so on."""
    position = next(iter(header.find(titles_of(source, "any_name"))), None)
    if position is None or chosen.get("name"):
        return
    has_first, has_last = bool(fields["first_name"]), bool(fields["last_name"])
    is_english = plain_name(header.titles[position]) == "name" and not header.find(["vorname"])
    if has_first and not has_last and not is_english:
        fields["last_name"] = (position,)
    elif has_last and not has_first:
        fields["first_name"] = (position,)
    else:
        fields["name"] = (*fields["name"], position)
