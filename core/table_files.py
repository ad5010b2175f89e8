"""A table as a file to download, in one of the formats, in a memory that stays bounded."""

import tempfile
from collections.abc import Iterable
from typing import IO

from django.db.models import TextChoices
from django.http import FileResponse, HttpResponse, HttpResponseBase

from core.csv_files import DEFAULT, CsvOptions, write_csv
from core.table_cells import Cell
from core.xlsx_files import CONTENT_TYPE, write_xlsx

# A larger file waits on disk while it is sent.
MOST_IN_MEMORY = 1024 * 1024


class FileFormat(TextChoices):
    """The formats of a table; the values end the files' names."""

    CSV = "csv", "CSV"
    XLSX = "xlsx", "Excel (XLSX)"


def write_table(
    file: IO[bytes],
    *,
    file_format: FileFormat,
    header: Iterable[Cell],
    rows: Iterable[Iterable[Cell]],
    options: CsvOptions = DEFAULT,
) -> None:
    """Write the table. Raises `CannotHold` where the format or encoding loses a character."""
    if file_format is FileFormat.XLSX:
        write_xlsx(file, header=header, rows=rows)
    else:
        write_csv(file, header=header, rows=rows, options=options)


def table_response(
    *,
    name: str,
    file_format: FileFormat,
    header: Iterable[Cell],
    rows: Iterable[Iterable[Cell]],
    options: CsvOptions = DEFAULT,
) -> HttpResponseBase:
    """A download of the table; `name` is ASCII, has no ending and contains no user input.

    All rows are read and written before anything is sent: the middleware leaves the provider's
    schema before a stream would read them, and a refusal (`CannotHold`) must come first.
    """
    file = tempfile.SpooledTemporaryFile(max_size=MOST_IN_MEMORY)  # noqa: SIM115 - the response closes it
    try:
        write_table(file, file_format=file_format, header=header, rows=rows, options=options)
    except BaseException:
        file.close()
        raise
    size = file.seek(0, 2)
    file.seek(0)
    content_type = CONTENT_TYPE if file_format is FileFormat.XLSX else options.content_type
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.{file_format.value}"',
        "X-Content-Type-Options": "nosniff",
    }
    if size > MOST_IN_MEMORY:
        return FileResponse(file, content_type=content_type, headers=headers)
    with file:
        return HttpResponse(file.read(), content_type=content_type, headers=headers)
