"""Reading an uploaded CSV file: encoding, separator, header and lines."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

LARGEST_FILE = 10 * 1024 * 1024  # bytes
MOST_LINES = 50_000
_SEPARATORS = (",", ";", "\t")
_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig", "UTF-8"),
    (b"\xff\xfe", "utf-16", "UTF-16"),
    (b"\xfe\xff", "utf-16", "UTF-16"),
)
_OTHER_FILES = (
    (b"PK\x03\x04", "a spreadsheet or an archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF"),
)
# The limit of the csv module, for the message.
_LONGEST_CELL = 131_072


class NotReadable(ValueError):
    """The file is refused; the text for the page says why."""


@dataclass(frozen=True)
class Table:
    """A CSV file. `records` are all lines after the header, empty ones too.

    `first_number` is the row number of the first record in a spreadsheet.
    """

    header: list[str]
    records: list[list[str]]
    first_number: int
    encoding: str

    def lines(self) -> Iterator[tuple[int, list[str]]]:
        """Each line that is not empty, with its number."""
        for number, cells in enumerate(self.records, self.first_number):
            if any(cells):
                yield number, cells


def read_table(content: bytes) -> Table:
    """Read a file in one of the usual encodings and with one of the usual separators.

    Raises `NotReadable` when it is too large, empty, not text, not CSV, or has no line after the
    header or more than 50,000.
    """
    if len(content) > LARGEST_FILE:
        raise NotReadable("The file is larger than 10 MB. Split it into several.")
    text, encoding = _decoded(content)
    if not text.strip():
        raise NotReadable("The file is empty.")
    text, separator = _separator_of(text)
    records = _records(text, separator)
    header_at = next(at for at, cells in enumerate(records) if any(cells))
    table = Table(
        header=records[header_at],
        records=records[header_at + 1 :],
        first_number=header_at + 2,
        encoding=encoding,
    )
    count = sum(1 for _ in table.lines())
    if not count:
        raise NotReadable("The file has column names but no line behind them.")
    if count > MOST_LINES:
        raise NotReadable(f"The file has {count:,} lines; at most {MOST_LINES:,} are imported.")
    return table


def _decoded(content: bytes) -> tuple[str, str]:
    """Text without its byte order mark, and the encoding's name.

    Without a mark it is UTF-16 when every second byte is zero, else UTF-8, else Windows-1252, in
    which Excel saves "CSV" on a Western Windows. Other code pages can't be distinguished from it.
    """
    for beginning, file_type in _OTHER_FILES:
        if content.startswith(beginning):
            raise NotReadable(f"This is {file_type}, not a CSV file. Save it as “CSV UTF-8” first.")
    for mark, codec, name in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return _text(content, codec, name), name
    if codec := _utf16_without_mark(content):
        return _text(content, codec, "UTF-16"), "UTF-16"
    try:
        return _text(content, "utf-8", "UTF-8"), "UTF-8"
    except NotReadable:
        if b"\0" in content:
            raise
        return _text(content, "cp1252", "Windows-1252"), "Windows-1252"


def _text(content: bytes, codec: str, name: str) -> str:
    try:
        text = content.decode(codec)
    except UnicodeDecodeError as error:
        raise NotReadable(
            f"The file is not text in {name}: byte {error.start + 1:,} does not belong there. "
            "Save it as “CSV UTF-8”."
        ) from error
    if "\0" in text:
        raise NotReadable("The file contains NUL characters, so it is not a CSV file.")
    return text


def _utf16_without_mark(content: bytes) -> str:
    start = content[:2000]
    even, odd = start[::2].count(0), start[1::2].count(0)
    enough = len(start) // 5
    if odd > enough and not even:
        return "utf-16-le"
    if even > enough and not odd:
        return "utf-16-be"
    return ""


def _separator_of(text: str) -> tuple[str, str]:
    """The text and its separator: from a first line "sep=;", else the one that gives the header
    the most cells.
    """
    first, _, rest = text.partition("\n")
    named = first.strip().strip('"').lower()
    if named.startswith("sep=") and named[4:] in {*_SEPARATORS, ""}:
        if not rest.strip():
            raise NotReadable("The file is empty.")
        return rest, named[4:] or "\t"
    return text, max(_SEPARATORS, key=lambda separator: _width_of_header(text, separator))


def _width_of_header(text: str, separator: str) -> int:
    try:
        return next(len(cells) for cells in _reader(text, separator) if any(cells))
    except (csv.Error, StopIteration):
        return 0


def _records(text: str, separator: str) -> list[list[str]]:
    reader = _reader(text, separator)
    records: list[list[str]] = []
    try:
        records.extend([cell.strip() for cell in cells] for cells in reader)
    except csv.Error as error:
        if "field larger" in str(error):
            flaw = f"a cell is longer than {_LONGEST_CELL:,} characters"
        else:
            flaw = "a quotation mark is missing or misplaced"
        raise NotReadable(f"Not a CSV file: near line {len(records) + 1:,} {flaw}.") from error
    if not any(any(cells) for cells in records):
        raise NotReadable("The file is empty.")
    return records


def _reader(text: str, separator: str) -> Iterator[list[str]]:
    # Strict, because an unclosed quotation mark would silently swallow the following lines.
    return csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True
    )
