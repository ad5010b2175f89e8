"""What the dry run of a file found, as JSON for its page; emptied together with the file."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import chain, islice
from typing import Any

from tenants.imports.file_reading import Table
from tenants.imports.kinds import CheckResult, ImportLine, import_kind
from tenants.imports.reading.options import APART, Category, Doubt
from tenants.imports.reading.stored_file import Reading
from tenants.imports.remaining_seats import remaining_user_seats
from tenants.imports.rules import Rules, says_state
from tenants.imports.sync.comparison import (
    DECIDED_AGAIN,
    Comparison,
    Outcomes,
    compare,
    is_large,
    outcomes,
)
from tenants.models import ImportRun, ManagedUser, Organization
from tenants.users.identity import Entry, known_users

FIRST_ROWS = 10
NAMED_PEOPLE = 20
_LONGEST_TEXT = 200


def report_of(
    *, run: ImportRun, reading: Reading, checked: CheckResult, now: datetime
) -> dict[str, Any]:
    """The titles and columns, the first rows as they are read, the doubts, and what each way of
    importing users does.
    """
    columns = reading.columns
    doubts = (*reading.table.doubts, *columns.doubts, *checked.doubts)
    report: dict[str, Any] = {
        "titles": [_shown(title) for title in columns.titles],
        "columns": {name: _shown(title) for name, title in columns.chosen().items()},
        "rows": _rows(run, reading),
        "doubts": [_doubt(one) for one in doubts],
        "apart": _apart(run, checked),
    }
    if run.kind == ImportRun.Kind.USERS:
        rules = Rules(says_state(columns), is_sync=True)
        flawed = {each.line for each in checked.refused if each.reason not in DECIDED_AGAIN}
        comparison = compare(
            lines=checked.counted,
            refused=flawed,
            organization=run.organization,
            rules=rules,
            uploaded_at=run.started_at,
            known=checked.known,
        )
        planned = outcomes(
            comparison=comparison, lines=checked.counted, refused=flawed, rules=rules
        )
        report["sync"] = _sync(run.organization, comparison, planned, now)
        report["left"] = _left(checked.left, run.organization, comparison)
    return report


def report_of_table(table: Table) -> dict[str, Any]:
    """The titles of a file whose columns are not recognized, for a choice."""
    return {
        "titles": [_shown(title) for title in table.header],
        "columns": {},
        "rows": [],
        "doubts": [_doubt(one) for one in table.doubts],
        "apart": [],
    }


def _rows(run: ImportRun, reading: Reading) -> list[dict[str, Any]]:
    """The first lines as they are read."""
    kind = import_kind(run.kind)
    rows = []
    for number, cells in islice(reading.table.lines(), FIRST_ROWS):
        line = kind.read_line(number=number, cells=cells, columns=reading.columns)
        rows.append(
            {
                "line": number,
                "key": _shown(line.key),
                "name": _shown(line.name),
                "state": ManagedUser.State(line.state).label,
                "external_id": _shown(line.external_id or ""),
                "category": Category(line.category).label,
                "is_taken": reading.columns.takes(line),
                "word": _shown(line.word),
            }
        )
    return rows


def _apart(run: ImportRun, checked: CheckResult) -> list[dict[str, Any]]:
    """The lines of each category for which a person decides, with the number of new people."""
    found = dict(checked.apart)
    included = [line for line in checked.counted if line.category != Category.COUNTED]
    for line in included:
        found.setdefault(line.category, []).append(line)
    there = (
        known_users(organization=run.organization, entries=_entries(chain(*found.values())))
        if run.kind == ImportRun.Kind.USERS
        else {}
    )
    result, position = [], 0
    for category, lines in found.items():
        new = sum(place not in there for place in range(position, position + len(lines)))
        position += len(lines)
        result.append(
            {
                "category": str(category),
                "lines": len(lines),
                "new": new,
                "may_include": category in APART,
                "people": _people(lines),
            }
        )
    return sorted(result, key=lambda each: str(each["category"]))


def _left(
    lines: Sequence[ImportLine], organization: Organization, comparison: Comparison
) -> dict[str, Any]:
    """The people who left by the file, and those of them who are users still.

    A user whom another line names did not leave: the directory deleted an earlier account.
    """
    there = known_users(organization=organization, entries=_entries(lines)) if lines else {}
    kept = {user.id for user in comparison.matched.values()}
    still = {position: user.id for position, user in there.items() if user.id not in kept}
    return {
        "lines": len(lines),
        "people": _people(lines),
        "there": len(set(still.values())),
        "people_there": _people(lines[position] for position in sorted(still)),
    }


def _sync(
    organization: Organization, comparison: Comparison, planned: Outcomes, now: datetime
) -> dict[str, Any]:
    seats = remaining_user_seats(organization=organization, now=now)
    active = comparison.affected(ImportRun.Gone.SUSPEND)

    def over(removed: int) -> int:
        if seats.limit is None:
            return 0
        return max(0, planned.new - max(0, seats.limit - (seats.count - removed)))

    return {
        **asdict(planned),
        "gone_active": len(active),
        "asks_again": is_large(gone=planned.gone, present=planned.present),
        "over_removed": over(planned.gone),
        "over_suspended": over(0),
        "people_gone": _gone_people(comparison),
        "recreated": len(comparison.recreated),
    }


def _gone_people(comparison: Comparison) -> list[str]:
    ids = [person.id for person in comparison.gone[:NAMED_PEOPLE]]
    users = ManagedUser.objects.filter(pk__in=ids).order_by("pk") if ids else []
    return [_shown(user.email) for user in users]


def _entries(lines: Iterable[ImportLine]) -> list[Entry]:
    return [Entry(line.key, line.external_id) for line in lines]


def _people(lines: Iterable[ImportLine]) -> list[dict[str, str]]:
    return [
        {"key": _shown(line.subject), "name": _shown(line.name), "word": _shown(line.word)}
        for line in islice(lines, NAMED_PEOPLE)
    ]


def _doubt(doubt: Doubt) -> dict[str, Any]:
    return {
        "kind": str(doubt.kind),
        "text": _shown(doubt.text, 1_000),
        "must_ask": doubt.must_ask,
        "alternatives": [_shown(each) for each in doubt.alternatives],
        "examples": [_shown(each) for each in doubt.examples],
        "lines": list(doubt.lines),
    }


def _shown(text: str, longest: int = _LONGEST_TEXT) -> str:
    """The text as a page and the database take it."""
    return "".join(each if each.isprintable() else " " for each in text[:longest])
