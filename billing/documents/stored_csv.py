"""The stored CSV of an invoice as a table, to be written in another format.

Only the form changes: the stored bytes stay the document.
"""

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from core.csv_files import read_cell
from core.table_cells import Cell, Instant

# By name and not by place, because the layouts of earlier years have fewer columns.
WHOLE_NUMBERS = frozenset(
    {"Line", "Organization ID", "Peak event ID", "Count before", "Count after"}
)
DECIMALS = frozenset({"Quantity", "Unit price", "Amount", "Billed for it before"})
INSTANTS = frozenset({"Peak reached at"})


def stored_table(content: bytes) -> tuple[list[str], Iterator[list[Cell]]]:
    """Header and rows of a stored CSV, each cell with its type and every digit."""
    reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    header = next(reader)
    return header, (
        [_cell(name, read_cell(text)) for name, text in zip(header, cells, strict=True)]
        for cells in reader
    )


def _cell(column: str, text: str) -> Cell:
    if not text:
        return text
    if column in WHOLE_NUMBERS:
        return int(text)
    if column in DECIMALS:
        return Decimal(text)
    if column in INSTANTS:
        at = datetime.fromisoformat(text)
        return text if at.tzinfo is None else Instant(at, at.tzinfo)
    return text
