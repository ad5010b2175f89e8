"""Reads an Excel file as a spreadsheet does: types, number formats and escapes."""

import io
import re
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from xml.etree import ElementTree as ET

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
ESCAPED = re.compile("_x([0-9A-F]{4})_")
# Day 1 of a spreadsheet is 1 January 1900, with a 29 February that never was.
FIRST_DAY = datetime(1899, 12, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Read:
    """A cell: `text` of a text, or `number` with its number format."""

    text: str | None = None
    number: Decimal | None = None
    shown: str = "General"
    is_formula: bool = False

    @property
    def at(self) -> str:
        """The date and time of a number, which is in no zone."""
        assert self.number is not None
        micros = (self.number * 86_400_000_000).to_integral_value()
        return f"{FIRST_DAY + timedelta(microseconds=int(micros)):%Y-%m-%d %H:%M:%S.%f}"


def sheets_of(content: bytes) -> list[list[list[Read | None]]]:
    """The rows of each sheet; None for a blank cell."""
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.testzip() is None
    formats = _formats(ET.fromstring(archive.read("xl/styles.xml")))  # noqa: S314 - a file of ours
    names = [name for name in archive.namelist() if name.startswith("xl/worksheets/sheet")]
    return [
        _rows(ET.fromstring(archive.read(name)), formats)  # noqa: S314 - a file of ours
        for name in sorted(names)
    ]


def sheet_rows(content: bytes) -> list[list[Read | None]]:
    """The rows of the only sheet."""
    (sheet,) = sheets_of(content)
    return sheet


def _formats(styles: ET.Element) -> list[str]:
    named = {each.get("numFmtId"): each.get("formatCode") for each in styles.iter(f"{MAIN}numFmt")}
    builtin = {"0": "General", "1": "0", "2": "0.00"}
    used = styles.find(f"{MAIN}cellXfs")
    assert used is not None
    return [(named | builtin)[each.get("numFmtId")] or "" for each in used]


def _rows(sheet: ET.Element, formats: list[str]) -> list[list[Read | None]]:
    rows: list[list[Read | None]] = []
    for row in sheet.iter(f"{MAIN}row"):
        cells: list[Read | None] = []
        for cell in row:
            at = 0
            for letter in (cell.get("r") or "").rstrip("0123456789"):
                at = at * 26 + ord(letter) - 64
            cells += [None] * (at - 1 - len(cells))
            cells.append(_cell(cell, formats[int(cell.get("s") or 0)]))
        rows.append(cells)
    return rows


def _cell(cell: ET.Element, shown: str) -> Read:
    is_formula = cell.find(f"{MAIN}f") is not None
    if cell.get("t") == "inlineStr":
        text = "".join(each.text or "" for each in cell.iter(f"{MAIN}t"))
        text = ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
        return Read(text=text, shown=shown, is_formula=is_formula)
    value = cell.find(f"{MAIN}v")
    assert value is not None
    return Read(number=Decimal(value.text or ""), shown=shown, is_formula=is_formula)
