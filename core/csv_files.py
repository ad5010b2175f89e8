"""CSV files whose cells a spreadsheet shows and never runs as formulas (docs/facts/peers.md).

How they are separated and encoded is a choice of the person who downloads (`CsvOptions`).
"""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from typing import IO

from django.db.models import TextChoices

from core.table_cells import CannotHold, Cell, Instant

# The second four are full-width forms, which some spreadsheets read as the first four.
_RUNS_AS_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
# Without it, spreadsheets read the file in an old code page.
BYTE_ORDER_MARK = "\ufeff"
_MOST_NAMED = 5


class Separator(TextChoices):
    """What stands between the cells of a line."""

    COMMA = "comma", "Comma"
    SEMICOLON = "semicolon", "Semicolon"
    TAB = "tab", "Tab"


class DecimalMark(TextChoices):
    """What stands before the decimals of a number."""

    POINT = "point", "Point: 1234.50"
    COMMA = "comma", "Comma: 1234,50"


class Encoding(TextChoices):
    """How the characters become bytes; Windows-1252 has those of Western Europe alone."""

    UTF_8_MARK = "utf-8-mark", "UTF-8 with a byte order mark"
    UTF_8 = "utf-8", "UTF-8"
    WINDOWS_1252 = "windows-1252", "Windows-1252"
    UTF_16 = "utf-16", "UTF-16"


_SEPARATORS = {Separator.COMMA: ",", Separator.SEMICOLON: ";", Separator.TAB: "\t"}
_CODECS = {
    Encoding.UTF_8_MARK: "utf-8",
    Encoding.UTF_8: "utf-8",
    Encoding.WINDOWS_1252: "cp1252",
    Encoding.UTF_16: "utf-16-le",
}
_WITH_MARK = (Encoding.UTF_8_MARK, Encoding.UTF_16)


@dataclass(frozen=True, slots=True)
class CsvOptions:
    """How a CSV file is written. The default is what programs and most spreadsheets read."""

    separator: Separator = Separator.COMMA
    decimal_mark: DecimalMark = DecimalMark.POINT
    encoding: Encoding = Encoding.UTF_8_MARK

    @property
    def content_type(self) -> str:
        """The content type of a file with these options."""
        charset = "utf-8" if self.encoding is Encoding.UTF_8_MARK else self.encoding.value
        return f"text/csv; charset={charset}"


DEFAULT = CsvOptions()


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


def csv_lines(
    *, header: Iterable[Cell], rows: Iterable[Iterable[Cell]], options: CsvOptions = DEFAULT
) -> Iterator[str]:
    """The lines of a CSV file, header first, each cell safe; CR LF line ends (RFC 4180).

    A byte order mark is first where the encoding has one.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=_SEPARATORS[options.separator])
    has_comma = options.decimal_mark is DecimalMark.COMMA
    if options.encoding in _WITH_MARK:
        yield BYTE_ORDER_MARK
    for row in chain([header], rows):
        writer.writerow([_text(cell, has_comma=has_comma) for cell in row])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def write_csv(
    file: IO[bytes],
    *,
    header: Iterable[Cell],
    rows: Iterable[Iterable[Cell]],
    options: CsvOptions = DEFAULT,
) -> None:
    """Write a CSV file line by line. Raises `CannotHold` for a character outside the encoding."""
    codec = _CODECS[options.encoding]
    first = 0 if options.encoding in _WITH_MARK else 1
    for number, line in enumerate(csv_lines(header=header, rows=rows, options=options), first):
        try:
            file.write(line.encode(codec))
        except UnicodeEncodeError:
            raise CannotHold(_outside(line, number, options.encoding)) from None


def _text(cell: Cell, *, has_comma: bool) -> object:
    if isinstance(cell, Decimal):
        return f"{cell:f}".replace(".", ",") if has_comma else f"{cell:f}"
    return str(cell) if isinstance(cell, Instant) else safe_cell(cell)


def _outside(line: str, number: int, encoding: Encoding) -> str:
    outside = dict.fromkeys(each for each in line if not _is_in(each, _CODECS[encoding]))
    named = ", ".join(f"“{each}” (U+{ord(each):04X})" for each in [*outside][:_MOST_NAMED])
    more = ", and others" if len(outside) > _MOST_NAMED else ""
    return f"{encoding.label} can’t hold a character of line {number:,}: {named}{more}."


def _is_in(character: str, codec: str) -> bool:
    try:
        character.encode(codec)
    except UnicodeEncodeError:
        return False
    return True
