"""Which lines of a file are refused, and why: the dry run."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection

from accounts.text import plain_text
from tenants.imports.columns import Columns, ImportLine, read_line
from tenants.imports.models import ImportRun, Reason
from tenants.imports.room import user_room
from tenants.imports.table import Table
from tenants.imports.ways import ways_of
from tenants.models import Organization
from tenants.refusals import Because

LONGEST_EMAIL = 254
LONGEST_NAME = 200
LONGEST_SERIAL_NUMBER = 100
LINES_A_STEP = 5_000

_ALREADY_THERE = {
    ImportRun.Kind.USERS: """
        SELECT k.key FROM unnest(%s::text[]) AS k (key)
        WHERE EXISTS (SELECT FROM tenants_manageduser m WHERE m.organization_id = %s
                      AND lower(m.email) = lower(k.key) AND m.removed_at IS NULL)
    """,
    ImportRun.Kind.DEVICES: """
        SELECT k.key FROM unnest(%s::text[]) AS k (key)
        WHERE EXISTS (SELECT FROM tenants_device m WHERE m.organization_id = %s
                      AND lower(m.serial_number) = lower(k.key) AND m.removed_at IS NULL)
    """,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A line that can't be imported."""

    line: int
    reason: Reason
    subject: str
    first_line: int | None = None


@dataclass
class Verdict:
    """Every line of a file, in order: the good and the refused."""

    good: list[ImportLine] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)


def judge(
    *,
    table: Table,
    columns: Columns,
    kind: str,
    organization: Organization,
    progress: Callable[[int], object],
    now: datetime,
) -> Verdict:
    """Say of each line whether it could be added to the organization now.

    `progress` is called with the number of lines looked at, every 5,000.
    """
    if ways := ways_of(kind):
        return ways.judge(
            table=table, columns=columns, organization=organization, progress=progress, now=now
        )
    sound = Verdict()
    first_lines: dict[str, int] = {}
    for count, (number, cells) in enumerate(table.lines(), 1):
        line = read_line(number=number, cells=cells, columns=columns, kind=kind)
        reason = _flaw(line, cells, table.header, kind)
        first = first_lines.setdefault(line.key.lower(), number) if reason is None else number
        if first != number:
            reason = Reason.TWICE_IN_FILE
        if reason is None:
            sound.good.append(line)
        else:
            first_line = first if first != number else None
            sound.refused.append(Refusal(number, reason, shown(line), first_line))
        if count % LINES_A_STEP == 0:
            progress(count)
    verdict = _against_organization(sound.good, kind, organization)
    verdict.refused = sorted([*sound.refused, *verdict.refused], key=lambda refusal: refusal.line)
    return verdict


def shown(line: ImportLine) -> str:
    """What a refused line is known by, safe to look at: what can't be seen is written out."""
    text = line.key or line.name
    return "".join(
        character if character.isprintable() else f"\\u{ord(character):04x}"
        for character in text[:200]
    )[:200]


def over_limit(because: Because) -> Reason:
    """The reason of a line for which there is no room."""
    return Reason.OVER_CAP if because == Because.CAP else Reason.OVER_ALLOWANCE


def _flaw(line: ImportLine, cells: list[str], header: list[str], kind: str) -> Reason | None:
    """What is wrong with the line by itself."""
    if any(cells[len(header) :]):
        return Reason.TOO_MANY_CELLS
    flaws = _device_flaws if kind == ImportRun.Kind.DEVICES else _user_flaws
    return next(flaws(line), None)


def _user_flaws(line: ImportLine) -> Iterator[Reason]:
    if not line.key:
        yield Reason.NO_EMAIL
    if len(line.key) > LONGEST_EMAIL or len(line.name) > LONGEST_NAME:
        yield Reason.TOO_LONG
    # Stricter than for names: in an address nothing unseen has a meaning.
    if not line.key.isprintable() or _has_unseen(line.name):
        yield Reason.UNSEEN_CHARACTERS
    try:
        validate_email(line.key)
    except ValidationError:
        yield Reason.BAD_EMAIL


def _device_flaws(line: ImportLine) -> Iterator[Reason]:
    if not line.key:
        yield Reason.NO_SERIAL_NUMBER
    if not line.name:
        yield Reason.NO_NAME
    if len(line.key) > LONGEST_SERIAL_NUMBER or len(line.name) > LONGEST_NAME:
        yield Reason.TOO_LONG
    if _has_unseen(line.key) or _has_unseen(line.name):
        yield Reason.UNSEEN_CHARACTERS


def _has_unseen(text: str) -> bool:
    if text.isprintable():
        return False
    try:
        plain_text(text)
    except ValidationError:
        return True
    return False


def _against_organization(
    lines: list[ImportLine], kind: str, organization: Organization
) -> Verdict:
    """The lines against who is there already, then against the room that is left, in order."""
    verdict = Verdict()
    there = _keys_already_there([line.key for line in lines], kind, organization)
    room = user_room(organization=organization)
    left = room.left if kind == ImportRun.Kind.USERS else None
    for line in lines:
        if line.key in there:
            verdict.refused.append(Refusal(line.number, Reason.ALREADY_THERE, shown(line)))
        elif left is not None and len(verdict.good) >= left:
            reason = over_limit(room.because)
            verdict.refused.append(Refusal(line.number, reason, shown(line)))
        else:
            verdict.good.append(line)
    return verdict


def _keys_already_there(keys: list[str], kind: str, organization: Organization) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(_ALREADY_THERE[ImportRun.Kind(kind)], [keys, organization.pk])
        return {key for (key,) in cursor.fetchall()}
