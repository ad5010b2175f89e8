"""The records of an uploaded file, its separator and header; bounds hold while they are read.

The file may be compressed as it is stored (`stored_bytes.py`); it is never whole in memory.
"""

import codecs
import csv
import io
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import BinaryIO

from core.addresses import may_have_address
from tenants.imports.reading.encodings import Encoding
from tenants.imports.reading.stored_bytes import Store, opened_bytes

MOST_COLUMNS = 1_000
MOST_EMPTY_LINES = 100_000
# Separators between two ends of records: a record with more is not even split.
_MOST_SEPARATORS = 50_000
_MOST_LINE_BREAKS = 500_000
_SEPARATORS = (",", ";", "\t")
_OTHER_FILES = (
    (b"PK\x03\x04", "a spreadsheet or an archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "a compressed file"),
)
LONGEST_LINE = 1_000_000  # characters between two line breaks
# The limit of the csv module, for the message.
_LONGEST_CELL = 131_072
# Lines that tools write above the header: the type of PowerShell, the version of Entra's templates.
_MARK = re.compile(r"#TYPE\b|version:v[0-9.]+$", re.IGNORECASE)
_LINES_WITH_HEADER = 200
# How Python's decoder passes on bytes that are not UTF-8.
_FOREIGN = re.compile("[\udc80-\udcff]+")


class NotReadable(ValueError):
    """The file is refused; the text for the page says why."""


class TooManyCells(ValueError):
    """The file has more cells than may be written again."""


@dataclass(frozen=True)
class File:
    """A file with its encoding and separator; each reading opens and parses it again."""

    source: Callable[[], BinaryIO]
    encoding: Encoding
    separator: str
    skipped: int = 0  # physical lines before the first record

    def text_lines(self) -> Iterator[str]:
        """The physical lines with their ends. Raises `NotReadable` for one that is too long."""
        stream = io.TextIOWrapper(
            self.source(), encoding=self.encoding.codec, errors=self._errors, newline=""
        )
        lines = iter(partial(stream.readline, LONGEST_LINE + 1), "")
        for line in islice(lines, self.skipped, None):
            if len(line) > LONGEST_LINE:
                raise NotReadable(
                    f"A line of the file is longer than {LONGEST_LINE:,} characters: it has too "
                    "many columns, or the file is not CSV."
                )
            yield line

    def records(self) -> Iterator[list[str]]:
        """The cells of each record. Raises `NotReadable`."""
        records = self._raw_records()
        return map(self._repaired, records) if self.encoding.foreign else records

    def foreign_lines(self) -> list[int]:
        """The numbers of the lines with bytes that are not of the file's encoding."""
        return [
            number
            for number, cells in enumerate(self._raw_records(), 1)
            if any(map(_FOREIGN.search, cells))
        ]

    def without(
        self, positions: Collection[int], *, header_at: int, into: Store, most_cells: int
    ) -> None:
        """Write the file with empty cells in these columns below the header.

        Every other byte stays as it is. Raises `TooManyCells`, with a part written.
        """
        text = _Text(into, self.encoding.codec, self._errors)
        for line in islice(replace(self, skipped=0).text_lines(), self.skipped):
            text.write(line)
        writer = csv.writer(text, delimiter=self.separator)
        for at, cells in enumerate(self._raw_records()):
            most_cells -= len(cells)
            if most_cells < 0:
                raise TooManyCells
            if at > header_at:
                kept = ["" if place in positions else cell for place, cell in enumerate(cells)]
                writer.writerow(kept)
            else:
                writer.writerow(cells)

    @property
    def _errors(self) -> str:
        return "surrogateescape" if self.encoding.foreign else "strict"

    def _raw_records(self) -> Iterator[list[str]]:
        guard = _Guard(self.text_lines(), self.separator)
        read = 0
        try:
            for cells in _reader(guard, self.separator):
                yield cells
                guard.separators = 0
                read += 1
        except csv.Error as error:
            if "field larger" in str(error):
                flaw = f"a cell is longer than {_LONGEST_CELL:,} characters"
            else:
                flaw = "a quotation mark is missing or misplaced"
            raise NotReadable(f"Not a CSV file: near line {read + 1:,} {flaw}.") from error

    def _repaired(self, cells: list[str]) -> list[str]:
        return [_FOREIGN.sub(self._decoded, cell) for cell in cells]

    def _decoded(self, found: re.Match[str]) -> str:
        codec = self.encoding.foreign.codec if self.encoding.foreign else "cp1252"
        return found[0].encode("utf-8", "surrogateescape").decode(codec, "replace")


class _Text:
    """Writes text in an encoding, piece by piece."""

    def __init__(self, store: Store, codec: str, errors: str) -> None:
        self._store = store
        self._encode = codecs.getincrementalencoder(codec)(errors).encode

    def write(self, text: str) -> None:
        self._store.write(self._encode(text))


class _Guard:
    """Passes physical lines on while they are within the bounds of a table."""

    def __init__(self, lines: Iterator[str], separator: str) -> None:
        self._lines = lines
        self._separator = separator
        self._left = _MOST_LINE_BREAKS
        self.separators = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self._left -= 1
            self.separators += line.count(self._separator)
            if self.separators > _MOST_SEPARATORS:
                raise NotReadable(f"The file has more than {MOST_COLUMNS:,} columns.")
            if self._left < 0:
                raise NotReadable(f"The file has more than {_MOST_LINE_BREAKS:,} line breaks.")
            if "\0" in line:
                raise NotReadable("The file contains NUL characters, so it is not a CSV file.")
            yield line


def refuse_other_files(beginning: bytes) -> None:
    """Raise `NotReadable` for a workbook and other files that are often taken for a table."""
    for mark, file_type in _OTHER_FILES:
        if beginning.startswith(mark):
            raise NotReadable(f"This is {file_type}, not a CSV file. Save it as “CSV UTF-8” first.")


def opened(content: bytes, encoding: Encoding) -> File:
    """The stored file with its separator.

    That is the one of a first line "sep=;", else the one that gives the header the most cells.
    """
    file = File(partial(opened_bytes, content), encoding, ",")
    first = next(file.text_lines(), "").strip().strip('"').lower()
    if first.startswith("sep=") and first[4:] in {*_SEPARATORS, ""}:
        return replace(file, separator=first[4:] or "\t", skipped=1)
    beginning = list(islice(file.text_lines(), _LINES_WITH_HEADER))
    separator = max(_SEPARATORS, key=lambda each: _width_of_header(beginning, each))
    return replace(file, separator=separator)


def _width_of_header(beginning: list[str], separator: str) -> int:
    if any(line.count(separator) > _MOST_SEPARATORS for line in beginning):
        return _MOST_SEPARATORS
    try:
        found = _header_in(_reader(beginning, separator))
    except csv.Error:
        return 0
    return len(found[1]) if found else 0


def header_of(file: File) -> tuple[list[str], int]:
    """The titles, and the number of the record after them."""
    found = _header_in(islice(file.records(), MOST_EMPTY_LINES))
    if found is None:
        raise NotReadable("The file is empty.")
    at, cells = found
    return [cell.strip() for cell in cells], at + 2


def _header_in(records: Iterator[list[str]]) -> tuple[int, list[str]] | None:
    """The position and the cells of the header, None if all records are empty.

    Lines above it that tools write are passed over. So is a caption: one cell without a separator
    above several cells, none of which is an address.
    """
    caption = None
    for at, cells in enumerate(records):
        filled = [cell for cell in map(str.strip, cells) if cell]
        if not filled or (len(filled) == 1 and _MARK.match(filled[0])):
            continue
        # Parsed with another separator than its own, a header is one cell too.
        is_mixed = caption is None and any(each in filled[0] for each in _SEPARATORS)
        if len(filled) > 1 or is_mixed:
            is_line = caption is not None and any(map(may_have_address, filled))
            return caption if is_line else (at, cells)
        if caption is not None:
            break
        caption = at, cells
    return caption


def _reader(lines: Iterator[str] | list[str] | _Guard, separator: str) -> Iterator[list[str]]:
    # Strict, because an unclosed quotation mark would silently swallow the following lines.
    return csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True)
