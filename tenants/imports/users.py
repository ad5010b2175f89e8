"""The import of users."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from core.actors import Actor
from core.addresses import LONGEST_ADDRESS, NotAnAddress, address_key, clean_address
from tenants.imports.file_reading import Table
from tenants.imports.kinds import LINES_PER_STEP, Columns, ImportLine, Refusal, register_import_kind
from tenants.imports.members import (
    LONGEST_NAME,
    FirstLines,
    MemberImport,
    Present,
    has_unseen,
)
from tenants.imports.reading.options import ReadingOptions
from tenants.imports.remaining_seats import RemainingSeats, remaining_user_seats
from tenants.imports.rules import Rules
from tenants.imports.user_columns import FIELD_LABELS, UserColumns, user_columns
from tenants.models import ImportRun, ManagedUser, Organization
from tenants.models.imports import Reason
from tenants.users.changes import Change, change_users
from tenants.users.directory_ids import are_two_accounts
from tenants.users.identity import Entry, KnownUser, known_users


class UserImport(MemberImport):
    """Users are identified by e-mail address and limited by the user cap or free allowance."""

    model = ManagedUser

    @property
    def field_labels(self) -> Mapping[str, str]:
        """Address, names, state and directory id."""
        return FIELD_LABELS

    def columns_of(self, *, table: Table, options: ReadingOptions) -> UserColumns:
        """The columns of addresses, names and states. Raises `NotReadable` without addresses."""
        return user_columns(table=table, options=options)

    def read_line(self, *, number: int, cells: Sequence[str], columns: Columns) -> ImportLine:
        """The user of the line, with its category."""
        if not isinstance(columns, UserColumns):
            raise TypeError(columns)
        return columns.read(number, cells)

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

    def present(
        self, lines: Sequence[ImportLine], organization: Organization, rules: Rules
    ) -> Present:
        """The lines of users who are there, and what is to be changed; the first line decides."""
        return _decided(lines, organization, rules).present

    def change(self, *, run: ImportRun, lines: Sequence[ImportLine], now: datetime) -> Present:
        """Change names, addresses, ids and states of users who are there."""
        decided = _decided(lines, run.organization, Rules.of(run))
        change_users(
            organization=run.organization,
            changes=decided.changes,
            actor=Actor.stored(run.decided_by_id, run.decided_by_name),
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
        # Hardly any line shares its address: so they take little memory.
        self._by_address: dict[str, tuple[ImportLine, ...]] = {}

    def of(self, line: ImportLine) -> int:
        first = self._by_id.get(line.external_id) if line.external_id else None
        key = address_key(line.key)
        sharing = self._by_address.get(key, ())
        for other in sharing:
            if first is None and not are_two_accounts(line.external_id, other.external_id):
                first = other.number
        if first is None:
            self._by_address[key] = (*sharing, line)
            if line.external_id:
                self._by_id[line.external_id] = line.number
        return line.number if first is None else first


@dataclass(frozen=True, slots=True)
class _Decided:
    present: Present
    changes: list[Change]


def _decided(lines: Sequence[ImportLine], organization: Organization, rules: Rules) -> _Decided:
    """The users that the lines mean. A line with a user's id goes before one with its address."""
    known = users_of_lines(lines, organization)
    first = {
        user.id: position
        for position, user in sorted(known.items(), key=lambda item: (item[1].is_by_id, -item[0]))
    }
    refused: dict[int, Refusal] = {}
    changes: dict[int, Change] = {}
    unchanged: set[int] = set()
    for position, user in known.items():
        line, chosen = lines[position], first[user.id]
        change = rules.change(line, user)
        if chosen != position:
            refused[line.number] = Refusal.of(
                line, Reason.TWICE_IN_FILE, first_line=lines[chosen].number
            )
        elif change.is_needed:
            changes[line.number] = change
        elif rules.is_sync:
            unchanged.add(line.number)
        else:
            refused[line.number] = Refusal.of(line, Reason.ALREADY_THERE)
    if taken := _taken(organization, changes):
        for line in lines:
            if line.number in taken:
                refused[line.number] = Refusal.of(line, Reason.ADDRESS_TAKEN)
                del changes[line.number]
    renamed = sum(change.is_rename for change in changes.values())
    all_known = {line.number: known.get(position) for position, line in enumerate(lines)}
    present = Present(frozenset(changes), refused, frozenset(unchanged), renamed, all_known)
    return _Decided(present, list(changes.values()))


def users_of_lines(lines: Sequence[ImportLine], organization: Organization) -> dict[int, KnownUser]:
    """The user that each line means, by the line's position; missing where it is a new person.

    Reads a few thousand lines at once, because the rows of a whole file take much memory.
    """
    known: dict[int, KnownUser] = {}
    for begin in range(0, len(lines), LINES_PER_STEP):
        batch = lines[begin : begin + LINES_PER_STEP]
        entries = [Entry(line.key, line.external_id) for line in batch]
        found = known_users(organization=organization, entries=entries)
        known |= {begin + position: user for position, user in found.items()}
    known = _one_account_each(lines, known)
    return known | _known_by_other_addresses(lines, known, organization)


def _one_account_each(
    lines: Sequence[ImportLine], known: dict[int, KnownUser]
) -> dict[int, KnownUser]:
    """Without further accounts of a directory that share the address of a user without its id.

    The first of them is that user; the others are new.
    """
    first: dict[int, int] = {}
    meant: dict[int, KnownUser] = {}
    for position, user in sorted(known.items(), key=lambda item: (not item[1].is_by_id, item[0])):
        chosen = lines[first.setdefault(user.id, position)]
        if user.is_by_id or not are_two_accounts(lines[position].external_id, chosen.external_id):
            meant[position] = user
    return meant


def _known_by_other_addresses(
    lines: Sequence[ImportLine], known: dict[int, KnownUser], organization: Organization
) -> dict[int, KnownUser]:
    """The users that no line means, and that a line of a new person has as another address."""
    asked = (
        (position, address)
        for position, line in enumerate(lines)
        if position not in known
        for address in line.other_addresses
    )
    meant = {user.id for user in known.values()}
    more: dict[int, KnownUser] = {}
    while batch := list(islice(asked, LINES_PER_STEP)):
        entries = [Entry(address, lines[position].external_id) for position, address in batch]
        for at, user in sorted(known_users(organization=organization, entries=entries).items()):
            position = batch[at][0]
            if user.id not in meant and position not in more:
                more[position] = user
                meant.add(user.id)
    return more


def _taken(organization: Organization, changes: dict[int, Change]) -> set[int]:
    """The lines whose new address belongs to another person."""
    renamed = [(number, change) for number, change in changes.items() if change.is_rename]
    if not renamed:
        return set()
    owners = known_users(
        organization=organization, entries=[Entry(change.email) for _, change in renamed]
    )
    return {
        number
        for position, (number, change) in enumerate(renamed)
        if position in owners
        and owners[position].id != change.user.id
        and not (owners[position].external_id and (change.external_id or change.user.external_id))
    }


register_import_kind(ImportRun.Kind.USERS, UserImport())
