"""Which column holds what, in exports of common directories and in plain files."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tenants.imports.models import ImportRun
from tenants.imports.table import NotReadable
from tenants.imports.ways import ways_of
from tenants.models import ManagedUser
from tenants.spreadsheet import read_cell

# Names as `plain_name` leaves them; of several that a file has, a line takes the first filled.
_EMAILS = ("mail", "email", "emailaddress", "primaryemail", "userprincipalname", "upn")
# Only where there is no other: elsewhere it is a short name.
_USER_NAMES = ("username", "login")
_FULL_NAMES = ("displayname", "fullname", "namefullname", "name")
_FIRST_NAMES = ("firstname", "givenname", "namegivenname")
_LAST_NAMES = ("lastname", "surname", "familyname", "namefamilyname")
_STATES = ("status", "state", "userstate", "accountstatus")
_BLOCKED = ("blockcredential", "suspended", "accountlocked")
_ENABLED = ("accountenabled",)
_SERIAL_NUMBERS = ("serialnumber", "serial", "serialno", "serialnum")
_DEVICE_NAMES = (
    "devicename",
    "displayname",
    "hostname",
    "computername",
    "name",
    "annotatedassetid",
)
_SECRETS = ("password", "passwordhash", "initialpassword", "temporarypassword")

_MEANS_SUSPENDED = {"suspended", "blocked", "disabled", "inactive", "archived"}
_MEANS_YES = {"true", "yes", "1"}
_MEANS_NO = {"false", "no", "0"}

# A file is of the first source all of whose columns it has.
_SOURCES: dict[str, tuple[tuple[str, frozenset[str]], ...]] = {
    ImportRun.Kind.USERS: (
        ("Microsoft 365", frozenset({"userprincipalname"})),
        ("Microsoft 365", frozenset({"username", "displayname", "officephone"})),
        ("Google Workspace", frozenset({"emailaddress", "orgunitpath"})),
        ("Google Workspace", frozenset({"primaryemail", "namefullname"})),
        ("JumpCloud", frozenset({"email", "username", "firstname", "lastname"})),
    ),
    ImportRun.Kind.DEVICES: (
        ("Microsoft Intune", frozenset({"devicename", "serialnumber", "ownership"})),
        ("Google Workspace", frozenset({"serialnumber", "annotatedassetid"})),
        ("JumpCloud", frozenset({"serialnumber", "hostname"})),
    ),
}


@dataclass(frozen=True, slots=True)
class ImportLine:
    """A line of the file as it would be added; `key` is the e-mail address or serial number."""

    number: int
    key: str
    name: str
    state: ManagedUser.State = ManagedUser.State.ACTIVE


@dataclass(frozen=True)
class Columns:
    """Positions of the columns that are used; of each group a line takes the first filled one."""

    keys: tuple[int, ...]
    names: tuple[int, ...]
    source: str
    secrets: tuple[int, ...]
    first_names: tuple[int, ...] = ()
    last_names: tuple[int, ...] = ()
    states: tuple[int, ...] = ()
    blocked: tuple[int, ...] = ()
    enabled: tuple[int, ...] = ()

    def used(self) -> list[int]:
        """Every position that is read, in the file's order."""
        return sorted(
            {
                *self.keys,
                *self.names,
                *self.first_names,
                *self.last_names,
                *self.states,
                *self.blocked,
                *self.enabled,
            }
        )


def columns_of(*, header: Sequence[str], kind: str) -> Columns:
    """Where the file keeps what is needed; `NotReadable` when there is no such column."""
    if ways := ways_of(kind):
        return ways.columns_of(header=header)
    places: dict[str, int] = {}
    for at, title in enumerate(header):
        places.setdefault(plain_name(title), at)

    def find(names: Sequence[str]) -> tuple[int, ...]:
        return tuple(places[name] for name in names if name in places)

    source = next((name for name, columns in _SOURCES[kind] if columns <= set(places)), "")
    secrets = find(_SECRETS)
    if kind == ImportRun.Kind.DEVICES:
        keys, names = find(_SERIAL_NUMBERS), find(_DEVICE_NAMES)
        if not keys or not names:
            missing = "with the serial number" if not keys else "with the device’s name"
            raise NotReadable(no_column(missing, header))
        return Columns(keys=keys, names=names, secrets=secrets, source=source)
    keys = find(_EMAILS) or find(_USER_NAMES)
    if not keys:
        raise NotReadable(no_column("with the e-mail address", header))
    return Columns(
        keys=keys,
        names=find(_FULL_NAMES),
        first_names=find(_FIRST_NAMES),
        last_names=find(_LAST_NAMES),
        states=find(_STATES),
        blocked=find(_BLOCKED),
        enabled=find(_ENABLED),
        secrets=secrets,
        source=source,
    )


def read_line(*, number: int, cells: Sequence[str], columns: Columns, kind: str) -> ImportLine:
    """What the line says, before it is judged. Cells that are missing count as empty."""
    if ways := ways_of(kind):
        return ways.read_line(number=number, cells=cells, columns=columns)
    key = first_filled(cells, columns.keys)
    name = first_filled(cells, columns.names)
    if kind == ImportRun.Kind.DEVICES:
        return ImportLine(number, key, name)
    if not name and (columns.first_names or columns.last_names):
        parts = (first_filled(cells, columns.first_names), first_filled(cells, columns.last_names))
        name = " ".join(filter(None, parts))
    suspended = (
        first_filled(cells, columns.states).lower() in _MEANS_SUSPENDED
        or first_filled(cells, columns.blocked).lower() in _MEANS_YES
        or first_filled(cells, columns.enabled).lower() in _MEANS_NO
    )
    state = ManagedUser.State.SUSPENDED if suspended else ManagedUser.State.ACTIVE
    return ImportLine(number, key.lower(), name, state)


def first_filled(cells: Sequence[str], places: Sequence[int]) -> str:
    """The first of these cells with anything in it; empty when none has."""
    for place in places:
        if place < len(cells) and cells[place]:
            return read_cell(cells[place])
    return ""


def plain_name(title: str) -> str:
    """A column's name without case, punctuation and remarks: "Email Address [Required]"."""
    return re.sub(r"[\W_]", "", re.sub(r"\[.*?\]|\(.*?\)", "", title.casefold()))


def no_column(missing: str, header: Sequence[str]) -> str:
    """Why a file can't be read that lacks a column."""
    shown = ", ".join(f"“{_shown(title)}”" for title in header[:8] if title)
    return f"No column {missing} was found. The file’s columns are {shown}."


def _shown(title: str) -> str:
    return "".join(filter(str.isprintable, title))[:40]
