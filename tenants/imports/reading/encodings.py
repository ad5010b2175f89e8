"""Which encoding the bytes of a file are in."""

import codecs
from dataclasses import dataclass

from tenants.imports.reading.options import Doubt

_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig", "UTF-8"),
    (b"\xff\xfe", "utf-16", "UTF-16"),
    (b"\xfe\xff", "utf-16", "UTF-16"),
)
_STEP = 1024 * 1024  # bytes that are decoded at once


@dataclass(frozen=True, slots=True)
class Encoding:
    """How bytes become text: Python's codec, the name for people, what is not certain."""

    codec: str
    name: str
    doubts: tuple[Doubt, ...] = ()


class NotInEncoding(ValueError):
    """A byte does not belong to the encoding; `position` counts from 1."""

    def __init__(self, name: str, position: int) -> None:
        super().__init__(name)
        self.name = name
        self.position = position


def encoding_of(content: bytes, *, chosen: str | None = None) -> Encoding:  # noqa: ARG001
    """The encoding by its mark, else UTF-16 by its zeros, else UTF-8, else Windows-1252.

    `chosen` is the name of the encoding that a person chose. Raises `NotInEncoding`.
    """
    for mark, codec, name in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return _valid(content, Encoding(codec, name))
    if codec := _utf16_without_mark(content):
        return _valid(content, Encoding(codec, "UTF-16"))
    try:
        return _valid(content, Encoding("utf-8", "UTF-8"))
    except NotInEncoding:
        if b"\0" in content:
            raise
        return _valid(content, Encoding("cp1252", "Windows-1252"))


def _valid(content: bytes, encoding: Encoding) -> Encoding:
    decoder = codecs.getincrementaldecoder(encoding.codec)()
    view = memoryview(content)
    for begin in range(0, len(content), _STEP):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(view[begin : begin + _STEP], begin + _STEP >= len(content))
        except UnicodeDecodeError as error:
            raise NotInEncoding(encoding.name, begin - pending + error.start + 1) from error
    return encoding


def _utf16_without_mark(content: bytes) -> str:
    start = content[:2000]
    even, odd = start[::2].count(0), start[1::2].count(0)
    enough = len(start) // 5
    if odd > enough and not even:
        return "utf-16-le"
    if even > enough and not odd:
        return "utf-16-be"
    return ""
