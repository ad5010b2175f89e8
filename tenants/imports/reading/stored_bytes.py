"""The bytes of an uploaded file as they are stored: a large file is compressed.

Its rows hold little in the database and in memory, and are read piece by piece
(docs/decisions/0065).
"""

import gzip
import io
import sys
from collections.abc import Iterator
from typing import BinaryIO

# No text begins with it, so a file that is not compressed can't be taken for one.
_MARK = b"\0portal-gzip\n"
_PIECE = 1024 * 1024
# Files of more bytes are compressed.
SMALL_FILE = 10 * 1024 * 1024


class TooLarge(ValueError):
    """The file takes too much, also compressed."""


def is_compressed(stored: bytes) -> bool:
    """Whether the file is stored compressed, because it is large."""
    return stored.startswith(_MARK)


def opened_bytes(stored: bytes) -> BinaryIO:
    """The bytes of the file that was uploaded, as a stream."""
    stream = io.BytesIO(stored)
    if not is_compressed(stored):
        return stream
    stream.seek(len(_MARK))
    return gzip.GzipFile(fileobj=stream)  # type: ignore[return-value]  # a binary stream


def beginning_of(stored: bytes, size: int) -> bytes:
    """The first bytes of the file."""
    with opened_bytes(stored) as file:
        return file.read(size)


def pieces_of(stored: bytes) -> Iterator[bytes]:
    """The file in pieces of a megabyte or two; lines are whole unless they are longer."""
    with opened_bytes(stored) as file:
        while piece := file.read(_PIECE):
            yield piece + file.readline(_PIECE)


class Store:
    """A file that is written as it is stored; a large one is compressed meanwhile.

    Raises `TooLarge` once it takes more than `most` bytes.
    """

    def __init__(self, *, is_large: bool, most: int = sys.maxsize) -> None:
        self._most = most
        self._stored = io.BytesIO(_MARK if is_large else b"")
        self._stored.seek(0, io.SEEK_END)
        # The level that costs least: a table gets hardly smaller by a higher one.
        self._packed = (
            gzip.GzipFile(fileobj=self._stored, mode="wb", compresslevel=1, mtime=0)
            if is_large
            else None
        )

    def write(self, piece: bytes) -> None:
        """Write a piece."""
        (self._packed or self._stored).write(piece)
        if self._stored.tell() > self._most:
            raise TooLarge

    def stored(self) -> bytes:
        """What is stored; nothing more can be written."""
        if self._packed is not None:
            self._packed.close()
        return self._stored.getvalue()
