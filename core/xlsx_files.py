"""Excel files (XLSX), written row by row in a memory that does not grow with the rows.

Texts are texts, whatever they begin with; numbers, dates and instants are such, so a spreadsheet
shows them in its own locale.
"""

import re
import tempfile
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Any

from xlsxwriter import Workbook

from core.table_cells import CannotHold, Cell, Instant

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# Limits of Excel: more rows continue on another sheet; a longer text is refused.
ROWS_OF_A_SHEET = 1_048_576
LONGEST_TEXT = 32_767  # UTF-16 units
# A spreadsheet's number has 15 digits; a longer one is a text, or its last digits would be lost.
_MOST_DIGITS = 15
_NOT_IN_XML = re.compile("[\ufffe\uffff]")
_FIRST_YEAR = 1900
_NARROWEST, _WIDEST = 10, 40


def write_xlsx(
    file: IO[bytes],
    *,
    header: Iterable[Cell],
    rows: Iterable[Iterable[Cell]],
    rows_of_a_sheet: int = ROWS_OF_A_SHEET,
) -> None:
    """Write an Excel file. Raises `CannotHold` for a text that no cell of Excel holds whole."""
    headings = [str(each) for each in header]
    with tempfile.TemporaryDirectory() as folder:
        workbook = Workbook(file, {"constant_memory": True, "tmpdir": folder})
        sheets = _Sheets(workbook, headings, rows_of_a_sheet)
        for number, row in enumerate(rows, start=2):
            sheets.write(row, number)
        workbook.close()


class _Sheets:
    """The sheets of a workbook, each below the same headings."""

    def __init__(self, workbook: Workbook, headings: list[str], rows_of_a_sheet: int) -> None:
        self.workbook, self.headings, self.rows_of_a_sheet = workbook, headings, rows_of_a_sheet
        self.formats: dict[str, Any] = {}
        self.bold = workbook.add_format({"bold": True})
        self.count = 0
        self._begin()

    def _begin(self) -> None:
        self.count += 1
        self.sheet = self.workbook.add_worksheet(f"Sheet{self.count}")
        self.sheet.freeze_panes(1, 0)
        for column, heading in enumerate(self.headings):
            width = min(max(len(heading) + 2, _NARROWEST), _WIDEST)
            self.sheet.set_column(column, column, width)
            self._write_text(0, column, heading, 1, self.bold)
        self.next_row = 1

    def write(self, row: Iterable[Cell], number: int) -> None:
        """Append a row; `number` is its line, for the message of a refusal."""
        if self.next_row == self.rows_of_a_sheet:
            self._begin()
        at = self.next_row
        for column, cell in enumerate(row):
            if isinstance(cell, str):
                if cell:
                    self._write_text(at, column, cell, number)
            elif cell is not None:
                self._write_value(at, column, cell, number)
        self.next_row += 1

    def _write_value(self, at: int, column: int, cell: Cell, number: int) -> None:
        match cell:
            case int() if abs(cell) < 10**_MOST_DIGITS:
                self.sheet.write_number(at, column, cell)
            case Decimal() if len(cell.as_tuple().digits) <= _MOST_DIGITS:
                self.sheet.write_number(at, column, cell, self._format(_decimals(cell)))
            case Decimal():
                self._write_text(at, column, f"{cell:f}", number)
            case Instant() if cell.local.year >= _FIRST_YEAR:
                local = cell.local.replace(tzinfo=None)
                self.sheet.write_datetime(at, column, local, self._format(_shown_instant(cell)))
            case date() if not isinstance(cell, datetime) and cell.year >= _FIRST_YEAR:
                self.sheet.write_datetime(at, column, cell, self._format("yyyy-mm-dd"))
            case _:
                self._write_text(at, column, str(cell), number)

    def _write_text(self, at: int, column: int, text: str, number: int, style: Any = None) -> None:
        units = len(text) + sum(character > "\uffff" for character in text)
        if units > LONGEST_TEXT:
            raise CannotHold(
                f"A cell of Excel can’t hold the text in line {number:,}, column {column + 1}: it "
                f"has {units:,} characters, {units - LONGEST_TEXT:,} too many."
            )
        if found := _NOT_IN_XML.search(text):
            raise CannotHold(
                f"Excel can’t hold a character of line {number:,}, column {column + 1}: "
                f"U+{ord(found[0]):04X}."
            )
        if text.startswith("<r>") and text.endswith("</r>"):
            # The library takes such a text for its own markup and would not escape it; in three
            # pieces of one style it does.
            self.sheet.write_rich_string(at, column, "<", "r>", text[3:])
        else:
            self.sheet.write_string(at, column, text, style)

    def _format(self, shown: str) -> Any:
        if shown not in self.formats:
            self.formats[shown] = self.workbook.add_format({"num_format": shown})
        return self.formats[shown]


def _decimals(number: Decimal) -> str:
    exponent = number.as_tuple().exponent
    decimals = -exponent if isinstance(exponent, int) and exponent < 0 else 0
    return "0." + "0" * decimals if decimals else "0"


def _shown_instant(cell: Instant) -> str:
    """The number format of an instant: a date and time, with the offset as a fixed text behind."""
    shown = "yyyy-mm-dd hh:mm:ss"
    if cell.local.microsecond and not (cell.whole_seconds or cell.zone_in_heading):
        shown += ".000"
    return shown if cell.zone_in_heading else f'{shown} "{cell.local.isoformat()[-6:]}"'
