"""The import of users."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from core.actors import Actor
from core.addresses import LONGEST_ADDRESS, NotAnAddress, address_key, clean_address
from core.names import clean_name
from tenants.imports.columns import Header, first_filled
from tenants.imports.file_reading import NotReadable, Table
from tenants.imports.kinds import Columns, ImportLine, Refusal, register_import_kind
from tenants.imports.members import (
    LONGEST_NAME,
    FirstLines,
    MemberImport,
    Present,
    has_unseen,
)
from tenants.imports.reading.options import ReadingOptions
from tenants.imports.remaining_seats import RemainingSeats, remaining_user_seats
from tenants.models import EXTERNAL_ID_LENGTH, ImportRun, ManagedUser, Organization
from tenants.models.imports import Reason
from tenants.users.changes import Change, change_users
from tenants.users.directory_ids import are_two_accounts, clean_external_id, directory_of
from tenants.users.identity import Entry, known_users

# Names as `plain_name` returns them; a line takes the first filled column of a group.
_EMAILS = ("mail", "email", "emailaddress", "primaryemail", "userprincipalname", "upn")
# Used only without one of the above, because most directories have a short name in it.
_USER_NAMES = ("username", "login")
_FULL_NAMES = ("displayname", "fullname", "namefullname", "name")
_FIRST_NAMES = ("firstname", "givenname", "namegivenname")
_LAST_NAMES = ("lastname", "surname", "familyname", "namefamilyname")
_STATES = ("status", "state", "userstate", "accountstatus")
_BLOCKED = ("blockcredential", "suspended", "accountlocked")
_ENABLED = ("accountenabled",)
_EXTERNAL_IDS = ("objectid", "externalid")
# A number of a line, or a login, stands under these too.
_POSSIBLE_IDS = ("id", "userid")

_MEANS_SUSPENDED = {"suspended", "blocked", "disabled", "inactive", "archived"}
_MEANS_YES = {"true", "yes", "1"}
_MEANS_NO = {"false", "no", "0"}

_SOURCES = (
    ("Microsoft 365", frozenset({"userprincipalname"})),
    ("Microsoft 365", frozenset({"username", "displayname", "officephone"})),
    ("Google Workspace", frozenset({"emailaddress", "orgunitpath"})),
    ("Google Workspace", frozenset({"primaryemail", "namefullname"})),
    ("JumpCloud", frozenset({"email", "username", "firstname", "lastname"})),
)


_FIELDS = {
    "address": _EMAILS,
    "name": _FULL_NAMES,
    "first_name": _FIRST_NAMES,
    "last_name": _LAST_NAMES,
    "state": _STATES,
    "blocked": _BLOCKED,
    "enabled": _ENABLED,
    "external_id": _EXTERNAL_IDS,
    "possible_id": _POSSIBLE_IDS,
}


class UserImport(MemberImport):
    """Users are identified by e-mail address and limited by the user cap or free allowance."""

    model = ManagedUser

    @property
    def field_labels(self) -> Mapping[str, str]:
        """Address, name, state and directory id."""
        return {
            "address": "E-mail address",
            "name": "Name",
            "first_name": "First name",
            "last_name": "Last name",
            "state": "State",
            "external_id": "External ID",
        }

    def columns_of(self, *, table: Table, options: ReadingOptions) -> Columns:
        """The columns of addresses, names and states. Raises `NotReadable` without addresses."""
        titles = Header(table.header)
        fields = titles.fields(_FIELDS, chosen=options.columns)
        fields["address"] = fields["address"] or titles.find(_USER_NAMES)
        if not fields["address"]:
            raise NotReadable(titles.no_column("with the e-mail address"))
        return Columns(
            titles=tuple(table.header),
            fields=fields,
            secrets=titles.secrets(),
            source=titles.source(_SOURCES),
            options=options,
        )

    def read_line(self, *, number: int, cells: Sequence[str], columns: Columns) -> ImportLine:
        """The user of the line; the name may be in two columns, the state in one of three."""
        name = first_filled(cells, columns.of("name"))
        if not name:
            parts = (
                first_filled(cells, columns.of("first_name")),
                first_filled(cells, columns.of("last_name")),
            )
            name = " ".join(filter(None, parts))
        suspended = (
            first_filled(cells, columns.of("state")).lower() in _MEANS_SUSPENDED
            or first_filled(cells, columns.of("blocked")).lower() in _MEANS_YES
            or first_filled(cells, columns.of("enabled")).lower() in _MEANS_NO
        )
        state = ManagedUser.State.SUSPENDED if suspended else ManagedUser.State.ACTIVE
        email = first_filled(cells, columns.of("address"))
        with suppress(NotAnAddress):
            email = clean_address(email)
        external_id = _external_id(cells, columns)
        return ImportLine(number, email, clean_name(name), state, external_id)

    def flaws(self, line: ImportLine) -> Iterator[Reason]:
        """The reasons to refuse the line on its own."""
        if not line.key:
            yield Reason.NO_EMAIL
        if len(line.key) > LONGEST_ADDRESS or len(line.name) > LONGEST_NAME:
            yield Reason.TOO_LONG
        if has_unseen(line.name):
            yield Reason.UNSEEN_CHARACTERS
        try:
            clean_address(line.key)
        except NotAnAddress:
            yield Reason.BAD_EMAIL

    def first_lines(self) -> FirstLines:
        """The first lines, whose users differ by address and external id."""
        return _FirstLinesOfUsers()

    def present(self, lines: Sequence[ImportLine], organization: Organization) -> Present:
        """The lines of users who are there, and what is to be changed; the first line decides."""
        return _decided(lines, organization).present

    def change(self, *, run: ImportRun, lines: Sequence[ImportLine], now: datetime) -> Present:
        """Change names, addresses and ids of users who are there."""
        decided = _decided(lines, run.organization)
        change_users(
            organization=run.organization,
            changes=decided.changes,
            actor=Actor(id=run.decided_by_id, name=run.decided_by_name),
            now=now,
        )
        return decided.present

    def seats(self, organization: Organization, now: datetime) -> RemainingSeats | None:
        """The seats up to the user cap or the free allowance."""
        return remaining_user_seats(organization=organization, now=now)


class _FirstLinesOfUsers(FirstLines):
    def __init__(self) -> None:
        super().__init__()
        self._by_id: dict[str, int] = {}
        self._by_address: dict[str, list[tuple[int, str | None]]] = {}

    def of(self, line: ImportLine) -> int:
        first = self._by_id.get(line.external_id) if line.external_id else None
        sharing = self._by_address.setdefault(address_key(line.key), [])
        for number, external_id in sharing:
            if first is None and not are_two_accounts(line.external_id, external_id):
                first = number
        if first is None:
            sharing.append((line.number, line.external_id))
            if line.external_id:
                self._by_id[line.external_id] = line.number
        return line.number if first is None else first


@dataclass(frozen=True, slots=True)
class _Decided:
    present: Present
    changes: list[Change]


def _decided(lines: Sequence[ImportLine], organization: Organization) -> _Decided:
    """The users that the lines mean. A line with a user's id goes before one with its address."""
    entries = [Entry(line.key, line.external_id) for line in lines]
    known = known_users(organization=organization, entries=entries)
    first = {
        user.id: position
        for position, user in sorted(known.items(), key=lambda item: (item[1].is_by_id, -item[0]))
    }
    refused: dict[int, Refusal] = {}
    changes: dict[int, Change] = {}
    for position, user in known.items():
        line, chosen = lines[position], first[user.id]
        change = Change(user, line.key, line.name, line.external_id)
        if chosen != position:
            refused[line.number] = Refusal.of(
                line, Reason.TWICE_IN_FILE, first_line=lines[chosen].number
            )
        elif line.external_id is None or not change.is_needed:
            refused[line.number] = Refusal.of(line, Reason.ALREADY_THERE)
        else:
            changes[line.number] = change
    for number in _taken(organization, changes):
        line = next(each for each in lines if each.number == number)
        refused[number] = Refusal.of(line, Reason.ADDRESS_TAKEN)
        del changes[number]
    return _Decided(Present(frozenset(changes), refused), list(changes.values()))


def _taken(organization: Organization, changes: dict[int, Change]) -> list[int]:
    """The lines whose new address belongs to another person."""
    renamed = [
        (number, change)
        for number, change in changes.items()
        if change.key != change.user.address_key
    ]
    owners = known_users(
        organization=organization, entries=[Entry(change.email) for _, change in renamed]
    )
    return [
        number
        for position, (number, change) in enumerate(renamed)
        if position in owners
        and owners[position].id != change.user.id
        and not (owners[position].external_id and (change.external_id or change.user.external_id))
    ]


def _external_id(cells: Sequence[str], columns: Columns) -> str | None:
    """The id of the line; under a heading that may mean anything, only one of a directory."""
    certain = clean_external_id(first_filled(cells, columns.of("external_id")))
    if certain:
        return certain[:EXTERNAL_ID_LENGTH]
    possible = clean_external_id(first_filled(cells, columns.of("possible_id")))
    return possible if directory_of(possible) else None


register_import_kind(ImportRun.Kind.USERS, UserImport())
