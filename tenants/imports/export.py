"""The export of users and devices as CSV, and of an import's refused lines."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from django.db.models import Q, QuerySet

from core.scope import within
from tenants.imports.file_reading import titles_and_lines
from tenants.imports.reading.options import ReadingOptions
from tenants.imports.reading.records import NotReadable
from tenants.models import Device, ImportRun, ManagedUser, Organization, RefusedLine

# The columns that files of each kind need or may have; those of users and devices are exported.
COLUMNS = {
    ImportRun.Kind.USERS: ("E-mail", "Name", "State"),
    ImportRun.Kind.DEVICES: ("Name", "Serial number"),
    ImportRun.Kind.ACTIVITY: ("E-mail, External ID or User ID", "Last active"),
}
# Of the file behind refused lines: more would cost a web worker more than two seconds.
_MOST_CELLS_READ = 1_500_000
_MOST_CELLS_WRITTEN = 30_000
_MOST_ROWS = 10_000


def exported_rows(
    *, kind: ImportRun.Kind, organization: Organization | None
) -> Iterable[tuple[object, ...]]:
    """The organization's present users or devices, in the columns that an import reads.

    Without an organization, those of every visible one, with its name first.
    """
    if organization is None:
        of = within("organization") & Q(organization__removed_at=None)
        first: tuple[str, ...] = ("organization__name",)
    else:
        of, first = Q(organization=organization), ()
    if kind == ImportRun.Kind.USERS:
        users = ManagedUser.objects.living().filter(of)
        rows = users.order_by(*first, "email", "id").values_list(*first, "email", "name", "state")
        return ((*row, ManagedUser.State(state).label) for *row, state in rows.iterator())
    devices = Device.objects.living().filter(of)
    rows = devices.order_by(*first, "name", "id").values_list(*first, "name", "serial_number")
    return rows.iterator()


def exported_members(
    *, kind: ImportRun.Kind, members: QuerySet[Any]
) -> Iterable[tuple[object, ...]]:
    """These users or devices, in the columns that an import reads."""
    if kind == ImportRun.Kind.USERS:
        rows = members.order_by("email", "id").values_list("email", "name", "state")
        return (
            (email, name, ManagedUser.State(state).label) for email, name, state in rows.iterator()
        )
    return members.order_by("name", "id").values_list("name", "serial_number").iterator()


def refused_rows(*, run: ImportRun) -> tuple[list[str], Iterator[list[object]]]:
    """Header and rows of an import's refused lines: number, reason and the cells of the file.

    A corrected copy can be imported. A file that can't be read has no rows. The file is read once,
    and within bounds: behind them, a row has the line's address or serial number only, and the last
    row says how many more there are.
    """
    options = replace(ReadingOptions.of_json(run.options), encoding=run.encoding or None)
    try:
        titles, lines = titles_and_lines(bytes(run.content), options)
    except NotReadable:
        return ["Line", "Reason"], iter(())
    refused = RefusedLine.objects.filter(run=run).order_by("line")
    return ["Line", "Reason", *titles], _rows(refused, lines, len(titles))


def _rows(
    refused: "QuerySet[RefusedLine]", lines: Iterator[tuple[int, list[str]]], width: int
) -> Iterator[list[object]]:
    to_read, to_write = _MOST_CELLS_READ, _MOST_CELLS_WRITTEN
    number, cells = 0, list[str]()
    for line in refused[:_MOST_ROWS].iterator():
        while number < line.line and to_read > 0:
            number, cells = next(lines, (sys.maxsize, []))
            to_read -= len(cells)
        to_write -= width
        if number == line.line and to_write >= 0:
            yield [line.line, line.explanation, *cells]
        else:
            yield [line.line, f"{line.explanation}. See this line in your file.", line.subject]
    if (more := refused.count() - _MOST_ROWS) > 0:
        yield ["", f"{more:,} more lines are refused. Correct these first.", ""]
