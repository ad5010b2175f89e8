"""Reading an uploaded CSV file: encoding, separator, header and lines.

Lines, columns, cells and empty lines are bounded while the file is read, and no table is ever whole
in memory (docs/decisions/0050).
"""

import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from tenants.imports.reading.encodings import Encoding, NotInEncoding, encoding_of
from tenants.imports.reading.options import Doubt, DoubtKind, ReadingOptions
from tenants.imports.reading.records import (
    MOST_COLUMNS,
    MOST_EMPTY_LINES,
    File,
    NotReadable,
    header_of,
    opened,
    refuse_other_files,
)
from tenants.imports.reading.stored_bytes import Store, beginning_of, is_compressed

MOST_LINES = 50_000
_MOST_NAMED_LINES = 20


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
    is_large: bool
    _file: "File" = field(repr=False)

    def records(self) -> Iterator[list[str]]:
        """The cells of each record after the header, also of empty ones."""
        return islice(self._file.records(), self.first_number - 1, None)

    def lines(self) -> Iterator[tuple[int, list[str]]]:
        """Each line that is not empty, with its number. Cells may have blanks around them."""
        return _filled(self.records(), self.first_number)

    def sample(self, count: int = 1_000) -> list[list[str]]:
        """The cells of the first lines that are not empty."""
        return [cells for _, cells in islice(self.lines(), count)]

    def without(self, positions: Collection[int]) -> bytes:
        """The stored file with empty cells in these columns, in its encoding, the same lines."""
        store = Store(is_large=self.is_large)
        header_at = self.first_number - 2
        self._file.without(positions, header_at=header_at, into=store, most_cells=sys.maxsize)
        return store.stored()


def read_table(content: bytes, options: ReadingOptions | None = None) -> Table:
    """Read a file as it is stored, in a usual encoding and with a usual separator.

    Raises `NotReadable` when it is empty, not text, not CSV, has no line after the
    header, more than 50,000 lines, 100,000 empty lines or 1,000 columns.
    """
    options = options or ReadingOptions()
    file = opened(content, _encoding(content, options))
    header, first_number = header_of(file)
    if len(header) > MOST_COLUMNS:
        raise NotReadable(f"The file has more than {MOST_COLUMNS:,} columns.")
    return Table(
        header=header,
        first_number=first_number,
        count=_count(file, first_number),
        encoding=file.encoding.name,
        doubts=(*file.encoding.doubts, *_foreign_doubts(file)),
        is_large=is_compressed(content),
        _file=file,
    )


def titles_and_lines(
    stored: bytes, options: ReadingOptions
) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """The titles of a file that could be read, and its lines as of `Table.lines`.

    They are read once: no line is counted before. Raises `NotReadable`.
    """
    file = opened(stored, _encoding(stored, options))
    header, first_number = header_of(file)
    return header, _filled(islice(file.records(), first_number - 1, None), first_number)


def _filled(records: Iterable[list[str]], first_number: int) -> Iterator[tuple[int, list[str]]]:
    for number, cells in enumerate(records, first_number):
        if any(map(str.strip, cells)):
            yield number, cells


def _encoding(content: bytes, options: ReadingOptions) -> Encoding:
    refuse_other_files(beginning_of(content, 8))
    try:
        return encoding_of(content, chosen=options.encoding)
    except NotInEncoding as error:
        raise NotReadable(
            f"The file is not text in {error.name}: byte {error.position:,} does not belong there. "
            "Save it as “CSV UTF-8”."
        ) from error


def _foreign_doubts(file: File) -> Iterator[Doubt]:
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


def _count(file: File, first_number: int) -> int:
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
