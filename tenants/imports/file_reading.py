"""Reading an uploaded CSV file: encoding, separator, header and lines.

Lines, columns, cells and empty lines are bounded while the file is read, and no table is ever whole
in memory (docs/decisions/0050).
"""

import csv
import io
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from tenants.imports.columns import Header
from tenants.imports.reading.encodings import (
    Encoding,
    NotInEncoding,
    encoding_of,
    exact_encoding,
)
from tenants.imports.reading.options import Doubt, DoubtKind, ReadingOptions

LARGEST_FILE = 10 * 1024 * 1024  # bytes
MOST_LINES = 50_000
MOST_EMPTY_LINES = 100_000
MOST_COLUMNS = 1_000
# Separators between two ends of records: a record with more is not even split.
_MOST_SEPARATORS = 50_000
_MOST_LINE_BREAKS = 500_000
_SEPARATORS = (",", ";", "\t")
_OTHER_FILES = (
    (b"PK\x03\x04", "a spreadsheet or an archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF"),
)
# The limit of the csv module, for the message.
_LONGEST_CELL = 131_072
# Lines that tools write above the header: the type of PowerShell, the version of Entra's templates.
_MARK = re.compile(r"#TYPE\b|version:v[0-9.]+$", re.IGNORECASE)
_LINES_WITH_HEADER = 200
_MOST_NAMED_LINES = 20
# How Python's decoder passes on bytes that are not UTF-8.
_FOREIGN = re.compile("[\udc80-\udcff]+")
_TITLES_WITHIN = 1024 * 1024  # bytes


class NotReadable(ValueError):
    """The file is refused; the text for the page says why."""


@dataclass(frozen=True)
class Table:
    """A CSV file, which is parsed again for each reading of its lines.

    `first_number` is the row number of the first record after the header in a spreadsheet. `count`
    is the number of lines that are not empty. `doubts` are about the text, not about columns.
    """

    header: list[str]
    first_number: int
    count: int
    encoding: str
    doubts: tuple[Doubt, ...]
    _file: "_File" = field(repr=False)

    def records(self) -> Iterator[list[str]]:
        """The cells of each record after the header, also of empty ones."""
        return islice(self._file.records(), self.first_number - 1, None)

    def lines(self) -> Iterator[tuple[int, list[str]]]:
        """Each line that is not empty, with its number. Cells may have blanks around them."""
        for number, cells in enumerate(self.records(), self.first_number):
            if any(map(str.strip, cells)):
                yield number, cells

    def sample(self, count: int = 1_000) -> list[list[str]]:
        """The cells of the first lines that are not empty."""
        return [cells for _, cells in islice(self.lines(), count)]

    def without(self, positions: Collection[int]) -> bytes:
        """The file with empty cells in these columns, in its encoding, with the same lines."""
        return self._file.without(positions, header_at=self.first_number - 2)


def read_table(content: bytes, options: ReadingOptions | None = None) -> Table:
    """Read a file in one of the usual encodings and with one of the usual separators.

    Raises `NotReadable` when it is too large, empty, not text, not CSV, has no line after the
    header, more than 50,000 lines, 100,000 empty lines or 1,000 columns.
    """
    if len(content) > LARGEST_FILE:
        raise NotReadable("The file is larger than 10 MB. Split it into several.")
    options = options or ReadingOptions()
    file = _opened(content, _encoding(content, options))
    header, first_number = _header(file)
    if len(header) > MOST_COLUMNS:
        raise NotReadable(f"The file has more than {MOST_COLUMNS:,} columns.")
    return Table(
        header=header,
        first_number=first_number,
        count=_count(file, first_number),
        encoding=file.encoding.name,
        doubts=(*file.encoding.doubts, *_foreign_doubts(file)),
        _file=file,
    )


def without_passwords(content: bytes) -> bytes:
    """The file with empty cells in columns of passwords; every other byte stays as it is.

    Without such a column only the beginning is read, and the encoding is not searched for. Raises
    `NotReadable` for a file without titles, and one with passwords in lines that can't be read.
    """
    if len(content) > LARGEST_FILE:
        raise NotReadable("The file is larger than 10 MB. Split it into several.")
    beginning = _beginning(content)
    _refuse_other_files(beginning)
    encoding = exact_encoding(beginning)
    try:
        header, first_number = _header(_opened(beginning, encoding))
        secrets = Header(header).secrets()
        if not secrets:
            return content
        return _opened(content, encoding).without(secrets, header_at=first_number - 2)
    except UnicodeError as error:
        raise NotReadable(
            f"The file is not text in {encoding.name}. Save it as “CSV UTF-8”."
        ) from error


def _beginning(content: bytes) -> bytes:
    """Whole lines of at most a megabyte, also in UTF-16."""
    if len(content) <= _TITLES_WITHIN:
        return content
    end = content.rfind(b"\n", 0, _TITLES_WITHIN) + 1
    end += content[end : end + 1] == b"\0"
    return content[: end or _TITLES_WITHIN]


@dataclass(frozen=True)
class _File:
    content: bytes
    encoding: Encoding
    separator: str
    skipped: int = 0  # physical lines before the first record

    def text_lines(self) -> Iterator[str]:
        """The physical lines with their ends."""
        stream = io.TextIOWrapper(
            io.BytesIO(self.content),
            encoding=self.encoding.codec,
            errors=self._errors,
            newline="",
        )
        return islice(stream, self.skipped, None)

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

    def without(self, positions: Collection[int], *, header_at: int) -> bytes:
        """The file with empty cells in these columns below the header; bytes stay as they are."""
        written = io.BytesIO()
        text = io.TextIOWrapper(written, self.encoding.codec, self._errors, newline="")
        beginning = replace(self, skipped=0).text_lines()
        text.writelines(islice(beginning, self.skipped))
        writer = csv.writer(text, delimiter=self.separator)
        for at, cells in enumerate(self._raw_records()):
            if at > header_at:
                kept = ["" if place in positions else cell for place, cell in enumerate(cells)]
                writer.writerow(kept)
            else:
                writer.writerow(cells)
        text.flush()
        return written.getvalue()

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


def _refuse_other_files(content: bytes) -> None:
    for beginning, file_type in _OTHER_FILES:
        if content.startswith(beginning):
            raise NotReadable(f"This is {file_type}, not a CSV file. Save it as “CSV UTF-8” first.")


def _encoding(content: bytes, options: ReadingOptions) -> Encoding:
    _refuse_other_files(content)
    try:
        return encoding_of(content, chosen=options.encoding)
    except NotInEncoding as error:
        raise NotReadable(
            f"The file is not text in {error.name}: byte {error.position:,} does not belong there. "
            "Save it as “CSV UTF-8”."
        ) from error


def _foreign_doubts(file: _File) -> Iterator[Doubt]:
    if file.encoding.foreign is None:
        return
    lines = file.foreign_lines()
    named = ", ".join(map(str, lines[:_MOST_NAMED_LINES]))
    more = f" and {len(lines) - _MOST_NAMED_LINES:,} more" if lines[_MOST_NAMED_LINES:] else ""
    page = file.encoding.foreign.name
    yield Doubt(
        DoubtKind.FOREIGN_BYTES,
        f"The file is in {file.encoding.name}, but {'line' if len(lines) == 1 else 'lines'} "
        f"{named}{more} not. {'It is' if len(lines) == 1 else 'They are'} read as {page}.",
        alternatives=(file.encoding.name, page),
        lines=tuple(lines[:_MOST_NAMED_LINES]),
    )


def _opened(content: bytes, encoding: Encoding) -> _File:
    """The file with its separator: from a first line "sep=;", else the one that gives the header
    the most cells.
    """
    file = _File(content, encoding, ",")
    first = next(file.text_lines(), "").strip().strip('"').lower()
    if first.startswith("sep=") and first[4:] in {*_SEPARATORS, ""}:
        return _File(content, encoding, first[4:] or "\t", skipped=1)
    beginning = list(islice(file.text_lines(), _LINES_WITH_HEADER))
    separator = max(_SEPARATORS, key=lambda each: _width_of_header(beginning, each))
    return _File(content, encoding, separator)


def _width_of_header(beginning: list[str], separator: str) -> int:
    if any(line.count(separator) > _MOST_SEPARATORS for line in beginning):
        return _MOST_SEPARATORS
    try:
        found = _header_in(_reader(beginning, separator))
    except csv.Error:
        return 0
    return len(found[1]) if found else 0


def _header(file: _File) -> tuple[list[str], int]:
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
            is_line = caption is not None and any("@" in cell for cell in filled)
            return caption if is_line else (at, cells)
        if caption is not None:
            break
        caption = at, cells
    return caption


def _count(file: _File, first_number: int) -> int:
    """The number of lines that are not empty."""
    count = empty = 0
    for cells in islice(file.records(), first_number - 1, None):
        if any(map(str.strip, cells)):
            count += 1
        else:
            empty += 1
        if empty > MOST_EMPTY_LINES:
            raise NotReadable(
                f"The file has more than {MOST_EMPTY_LINES:,} empty lines. Delete them and save it "
                "again."
            )
        if count > MOST_LINES:
            raise NotReadable(
                f"The file has more than {MOST_LINES:,} lines. Split it into several."
            )
    if not count:
        raise NotReadable("The file has column names but no line behind them.")
    return count


def _reader(lines: Iterator[str] | list[str] | _Guard, separator: str) -> Iterator[list[str]]:
    # Strict, because an unclosed quotation mark would silently swallow the following lines.
    return csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True)
