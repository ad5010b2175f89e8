"""CSV files whose cells a spreadsheet shows and never runs as formulas (docs/facts/peers.md)."""

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import chain

from django.http import HttpResponse

# The second four are full-width forms, which some spreadsheets read as the first four.
_RUNS_AS_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
# Without it, spreadsheets read the file in an old code page.
BYTE_ORDER_MARK = "\ufeff"


def safe_cell(value: object) -> object:
    """The value, with an apostrophe before a text that a spreadsheet would run as a formula.

    A text that already begins with such an apostrophe gets another one, so that `read_cell`
    restores the original.
    """
    if isinstance(value, str) and value.lstrip("'").startswith(_RUNS_AS_FORMULA):
        return f"'{value}"
    return value


def read_cell(text: str) -> str:
    """The original of a text that `safe_cell` wrote."""
    if text.startswith("'") and text.lstrip("'").startswith(_RUNS_AS_FORMULA):
        return text[1:]
    return text


def csv_lines(*, header: Iterable[object], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """The lines of a CSV file, header first, each cell safe; CR LF line ends (RFC 4180)."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    yield BYTE_ORDER_MARK
    for row in chain([header], rows):
        writer.writerow([safe_cell(cell) for cell in row])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def csv_response(
    *, filename: str, header: Iterable[object], rows: Iterable[Iterable[object]]
) -> HttpResponse:
    """A download of the rows; `filename` is ASCII and contains no user input."""
    # Not streamed: the middleware leaves the provider's schema before a stream would be read.
    return HttpResponse(
        "".join(csv_lines(header=header, rows=rows)),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{filename}"',
            "X-Content-Type-Options": "nosniff",
        },
    )
