"""Comparing the users of an organization with the lines of a file."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from tenants.imports.kinds import LINES_PER_STEP, ImportLine, Known
from tenants.imports.rules import Rules
from tenants.imports.users import users_of_lines
from tenants.models import ImportRun, ManagedUser, Organization
from tenants.models.imports import Reason
from tenants.users.changes import Change
from tenants.users.directory_ids import are_two_accounts
from tenants.users.identity import Entry, KnownUser, further_ids, possible_users

# A sync decides these again, after the people who are gone have made room.
DECIDED_AGAIN = frozenset(
    {
        Reason.ALREADY_THERE,
        Reason.ADDRESS_TAKEN,
        Reason.OVER_CAP,
        Reason.OVER_ALLOWANCE,
        Reason.OVER_ACCOUNT_LIMIT,
    }
)
# One in so many users may be gone without a second confirmation (docs/decisions/0051).
SAFE_SHARE = 5


@dataclass(frozen=True, slots=True)
class Person:
    """A living user of the organization; small, because all of them may be gone."""

    id: int
    state: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a sync does: `present` users are there before it.

    `matched` has the user of each line that names one, by the line's number. `recreated` are
    changes of users whose directory deleted the account and created it again: the same address
    with a new id, while the old id is not in the file. `gone` are in no line.
    """

    present: int
    matched: dict[int, KnownUser]
    recreated: dict[int, Change]
    gone: list[Person]

    def affected(self, gone_are: str) -> list[Person]:
        """Those of the gone people that the choice changes: suspended ones need no suspension."""
        if gone_are == ImportRun.Gone.SUSPEND:
            return [each for each in self.gone if each.state == ManagedUser.State.ACTIVE]
        return self.gone


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The numbers of a sync, by outcome."""

    new: int
    changed: int
    renamed: int
    unchanged: int
    gone: int
    present: int


def is_large(*, gone: int, present: int) -> bool:
    """Whether more than a fifth of the present users would be gone."""
    return gone * SAFE_SHARE > present


def compare(
    *,
    lines: Sequence[ImportLine],
    refused: Iterable[int],
    organization: Organization,
    rules: Rules,
    uploaded_at: datetime,
    known: Known | None = None,
) -> Comparison:
    """Compare the organization with all lines that count, also those with a flaw.

    `known` has the users of lines that were looked up already, by number; None is a new person. A
    user named by a line that is `refused` is not gone, and neither is one who was added after the
    upload, because the file is older. Lines of people who left, and those of
    categories that are not included, are not among `lines`.
    """
    flawed = set(refused)
    matched = _matched(lines, known or {}, organization)
    named = {user.id for user in matched.values()}
    rows = ManagedUser.objects.living().filter(organization=organization).order_by("pk")
    present, missing = 0, []
    values = rows.values_list("pk", "state", "added_at")
    for pk, state, added_at in values.iterator():
        present += 1
        if pk not in named and added_at <= uploaded_at:
            missing.append(Person(pk, sys.intern(state)))
    recreated: dict[int, Change] = {}
    if missing:
        new = [
            line
            for line in lines
            if line.external_id and line.number not in matched and line.number not in flawed
        ]
        recreated = _recreated(new, organization, {person.id for person in missing}, rules)
    kept = {change.user.id for change in recreated.values()}
    return Comparison(
        present=present,
        matched=matched,
        recreated=recreated,
        gone=[person for person in missing if person.id not in kept],
    )


def _matched(
    lines: Sequence[ImportLine], known: Known, organization: Organization
) -> dict[int, KnownUser]:
    """The user of each line, by its number; those of lines that the check left out are read."""
    rest = [line for line in lines if line.number not in known]
    found = users_of_lines(rest, organization) if rest else {}
    return {number: user for number, user in known.items() if user is not None} | {
        rest[position].number: user for position, user in found.items()
    }


def outcomes(
    *, comparison: Comparison, lines: Sequence[ImportLine], refused: Iterable[int], rules: Rules
) -> Outcomes:
    """Count what a sync would do with the lines that are not refused."""
    flawed = set(refused)
    new = changed = renamed = unchanged = 0
    for line in lines:
        if line.number in flawed:
            continue
        user = comparison.matched.get(line.number)
        if line.number in comparison.recreated:
            changed += 1
        elif user is None:
            new += 1
        elif (change := rules.change(line, user)).is_needed:
            changed += 1
            renamed += change.is_rename
        else:
            unchanged += 1
    return Outcomes(new, changed, renamed, unchanged, len(comparison.gone), comparison.present)


def _recreated(
    lines: Sequence[ImportLine], organization: Organization, missing: set[int], rules: Rules
) -> dict[int, Change]:
    """Users who are missing by all of their ids, each with the line of its address and a new id.

    The new id takes the place of the first one, or is kept beside it if that is of another
    directory.
    """
    further = further_ids(organization) if lines and missing else {}
    changes: dict[int, Change] = {}
    taken: set[int] = set()
    for line, users in _of_addresses(lines, organization):
        for user in users:
            if user.id not in missing or user.id in taken:
                continue
            replaces_first = are_two_accounts(line.external_id, user.external_id)
            if replaces_first or any(
                are_two_accounts(line.external_id, other) for other in further.get(user.id, [])
            ):
                taken.add(user.id)
                changes[line.number] = rules.change(line, user, replaces_id=replaces_first)
                break
    return changes


def _of_addresses(
    lines: Sequence[ImportLine], organization: Organization
) -> Iterator[tuple[ImportLine, list[KnownUser]]]:
    """Everyone who has the address of each line, whatever their id."""
    for begin in range(0, len(lines), LINES_PER_STEP):
        batch = lines[begin : begin + LINES_PER_STEP]
        entries = [Entry(line.key) for line in batch]
        found = possible_users(organization=organization, entries=entries)
        yield from ((batch[position], users) for position, users in found.items())
