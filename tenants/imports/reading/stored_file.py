"""Reading the stored file of an import as a person chose, or as for an earlier one."""

from dataclasses import dataclass, replace
from datetime import datetime

from django.db import connection, transaction

from tenants.imports.file_reading import Table, read_table
from tenants.imports.kinds import Columns, import_kind
from tenants.imports.reading.options import ReadingOptions
from tenants.imports.reading.records import NotReadable
from tenants.models import ImportRun, RememberedReading

_PIECE = 1024 * 1024
_PIECE_OF = "SELECT substring(content FROM %s FOR %s) FROM tenants_importrun WHERE id = %s"


@dataclass(frozen=True, slots=True)
class Reading:
    """A file that was read: its table and the columns in use."""

    table: Table
    columns: Columns

    @property
    def options(self) -> ReadingOptions:
        """How it was read."""
        return self.columns.options


class NoColumns(NotReadable):
    """The table can be read, but not who it is about; a person can choose the columns."""

    def __init__(self, reason: NotReadable, table: Table) -> None:
        super().__init__(str(reason))
        self.table = table


def read_as_chosen(run: ImportRun) -> Reading:
    """The file as its dry run read it. Raises `NotReadable`."""
    return _read(run, _content_of(run), ReadingOptions.of_json(run.options))


def read_first(run: ImportRun) -> Reading:
    """The file as chosen, else as earlier files of its source. Raises `NotReadable`."""
    if run.options:
        return read_as_chosen(run)
    content = _content_of(run)
    try:
        reading = _read(run, content, ReadingOptions())
        source = reading.columns.source
    except NoColumns:
        source = ""
        if _remembered(run, source) is None:
            raise
    remembered = _remembered(run, source)
    return reading if remembered is None else _read(run, content, remembered)


def remember(*, run: ImportRun, options: ReadingOptions, now: datetime) -> None:
    """Read later files of this organization, kind and source in the same way.

    The encoding is of this file only.
    """
    RememberedReading.objects.update_or_create(
        organization_id=run.organization_id,
        kind=run.kind,
        source=run.source,
        defaults={"options": replace(options, encoding=None).as_json(), "chosen_at": now},
    )


def _remembered(run: ImportRun, source: str) -> ReadingOptions | None:
    found = RememberedReading.objects.filter(
        organization_id=run.organization_id, kind=run.kind, source=source
    ).first()
    return ReadingOptions.of_json(found.options) if found else None


def _content_of(run: ImportRun) -> bytes:
    """The stored file, in pieces: PostgreSQL sends bytes as a text of twice their size.

    The row is locked meanwhile, so that all pieces are of one file.
    """
    pieces = [b""]
    with transaction.atomic(), connection.cursor() as cursor:
        ImportRun.objects.select_for_update(no_key=True).only("pk").get(pk=run.pk)
        while len(pieces) == 1 or len(pieces[-1]) == _PIECE:
            cursor.execute(_PIECE_OF, [(len(pieces) - 1) * _PIECE + 1, _PIECE, run.pk])
            pieces.append(bytes(cursor.fetchone()[0]))
    return b"".join(pieces)


def _read(run: ImportRun, content: bytes, options: ReadingOptions) -> Reading:
    table = read_table(content, options)
    try:
        return Reading(table, import_kind(run.kind).columns_of(table=table, options=options))
    except NotReadable as reason:
        raise NoColumns(reason, table) from reason
