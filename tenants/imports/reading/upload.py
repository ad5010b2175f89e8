"""What the web request does with an uploaded file: its bounds, and no passwords.

It looks at the titles only, and reads a large file piece by piece (docs/decisions/0065).
"""

import io
from dataclasses import replace
from functools import partial
from typing import BinaryIO

from tenants.imports.columns import Header
from tenants.imports.reading.encodings import exact_encoding
from tenants.imports.reading.records import (
    NotReadable,
    TooManyCells,
    header_of,
    opened,
    refuse_other_files,
)
from tenants.imports.reading.stored_bytes import SMALL_FILE, Store, TooLarge

# 50,000 lines of 838 bytes. The widest export that names who counts is that of Microsoft 365: 750
# bytes for a user with four proxy addresses and three licenses.
_LARGEST_MB = 40
LARGEST_FILE = _LARGEST_MB * 1024 * 1024  # bytes
TOO_LARGE = (
    f"The file is larger than {_LARGEST_MB} MB. Split it into several, or delete columns that "
    "are not about users."
)
# Cells that are read and written to take passwords out: 50,000 lines of 60 columns.
_MOST_CELLS = 3_000_000
# Twice of what the widest export takes compressed, and as much as a web worker has memory for.
_LARGEST_STORED = 20 * 1024 * 1024  # bytes
_TITLES_WITHIN = 1024 * 1024  # bytes
_PIECE = 1024 * 1024


def as_stored(file: BinaryIO) -> bytes:
    """The file as it is stored, with empty cells in columns of passwords.

    Every other byte stays as it is. The encoding is not searched for, and without such a column
    only the beginning is parsed. Raises `NotReadable` for a file that is too large or has no
    titles, and for one with passwords in lines that can't be read.
    """
    size = file.seek(0, io.SEEK_END)
    if size > LARGEST_FILE:
        raise NotReadable(TOO_LARGE)
    file.seek(0)
    beginning = _beginning(file.read(_TITLES_WITHIN), is_whole=size <= _TITLES_WITHIN)
    refuse_other_files(beginning)
    encoding = exact_encoding(beginning)
    file.seek(0)
    store = Store(is_large=size > SMALL_FILE, most=_LARGEST_STORED)
    try:
        titled = opened(beginning, encoding)
        titles, first_number = header_of(titled)
        if secrets := Header(titles).secrets():
            whole = replace(titled, source=partial(_opened_again, file))
            whole.without(secrets, header_at=first_number - 2, into=store, most_cells=_MOST_CELLS)
        else:
            while piece := file.read(_PIECE):
                store.write(piece)
    except UnicodeError as error:
        reason = f"The file is not text in {encoding.name}. Save it as “CSV UTF-8”."
        raise NotReadable(reason) from error
    except TooManyCells as error:
        named = ", ".join(f"“{titles[each]}”" for each in secrets)
        raise NotReadable(
            f"Passwords are not stored, and the file is too large to take them out. Delete the "
            f"column {named[:200]} and upload it again."
        ) from error
    except TooLarge as error:
        raise NotReadable(TOO_LARGE) from error
    return store.stored()


class _KeptOpen(io.RawIOBase):
    """A stream that does not close the upload when it is closed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # any buffer is one
        piece = self._file.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


def _opened_again(file: BinaryIO) -> BinaryIO:
    file.seek(0)
    return io.BufferedReader(_KeptOpen(file), _PIECE)


def _beginning(content: bytes, *, is_whole: bool) -> bytes:
    """Whole lines, also in UTF-16."""
    if is_whole:
        return content
    end = content.rfind(b"\n") + 1
    end += content[end : end + 1] == b"\0"
    return content[: end or len(content)]
