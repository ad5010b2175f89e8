"""Which encoding the bytes of a file are in, how sure that is, and what else they could be.

Without a mark, UTF-16 shows by its zeros and UTF-8 by its sequences. A code page does not show: the
one is taken whose text is best explained by the letters of one language (docs/decisions/0050).
"""

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, islice, pairwise

from tenants.imports.reading.alphabets import CODE_PAGES, CodePage
from tenants.imports.reading.options import Doubt, DoubtKind
from tenants.imports.reading.stored_bytes import beginning_of, pieces_of

UTF_8, UTF_16 = "UTF-8", "UTF-16"
_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig", UTF_8),
    (b"\xff\xfe", "utf-16", UTF_16),
    (b"\xfe\xff", "utf-16", UTF_16),
)
_BEGINNING = 2_000  # bytes that show a mark and UTF-16
_SEQUENCE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_ASCII = bytes(range(128))
_FOREIGN_LINE = re.compile(rb"[^\n\r]*[\x80-\xff][^\n\r]*")
_FOREIGN_LINES, _LONGEST_LINE = 2_000, 2_000
_BETWEEN_WORDS = re.compile(r"[\s,;\t\"@.<>()/|:_\d\-–—“”„«»…€]+")
# Explained shares that differ by less are a doubt.
_MARGIN = 0.25
_MOST_EXAMPLES = 3
# So many different words make another page than the usual one certain.
_ENOUGH_WORDS = 3


@dataclass(frozen=True, slots=True)
class Encoding:
    """How bytes become text: Python's codec, the name for people, what is not certain.

    `sureness` is between 0 and 1. `foreign` is the codec of single bytes that are not UTF-8 in a
    file that mostly is; the text has them as lone surrogates.
    """

    codec: str
    name: str
    sureness: float = 1.0
    doubts: tuple[Doubt, ...] = ()
    foreign: CodePage | None = None


class NotInEncoding(ValueError):
    """A byte does not belong to the encoding; `position` counts from 1."""

    def __init__(self, name: str, position: int) -> None:
        super().__init__(name)
        self.name = name
        self.position = position


def encoding_of(stored: bytes, *, chosen: str | None = None) -> Encoding:
    """The encoding of a stored file. `chosen` is the name of one that a person chose.

    Raises `NotInEncoding`.
    """
    beginning = beginning_of(stored, _BEGINNING)
    for mark, codec, name in _BYTE_ORDER_MARKS:
        if beginning.startswith(mark):
            return _valid(stored, Encoding(codec, name))
    if codec := _utf16_without_mark(beginning):
        return _valid(stored, Encoding(codec, UTF_16))
    page = next((each for each in CODE_PAGES if each.name == chosen), None)
    if page is not None:
        return _valid(stored, Encoding(page.codec, page.name))
    try:
        return _valid(stored, Encoding("utf-8", UTF_8))
    except NotInEncoding:
        if any(b"\0" in piece for piece in pieces_of(stored)):
            raise
    if chosen == UTF_8 or _is_mostly_utf8(stored):
        foreign_lines = (line for line in _foreign_lines(stored) if not _is_utf8(line))
        return Encoding("utf-8", UTF_8, foreign=_code_pages(foreign_lines)[0].page)
    return _of_code_page(stored)


def exact_encoding(content: bytes) -> Encoding:
    """An encoding of bytes that are written again: those that are not UTF-8 stay as they are."""
    for mark, codec, name in _BYTE_ORDER_MARKS:
        if content.startswith(mark) and name == UTF_16:
            return Encoding(codec, name)
    if codec := _utf16_without_mark(content):
        return Encoding(codec, UTF_16)
    codec = "utf-8-sig" if content.startswith(codecs.BOM_UTF8) else "utf-8"
    return Encoding(codec, UTF_8, foreign=CODE_PAGES[0])


def _valid(stored: bytes, encoding: Encoding) -> Encoding:
    decoder = codecs.getincrementaldecoder(encoding.codec)()
    begin = 0
    for piece in chain(pieces_of(stored), [b""]):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(piece, not piece)
        except UnicodeDecodeError as error:
            raise NotInEncoding(encoding.name, begin - pending + error.start + 1) from error
        begin += len(piece)
    return encoding


def _utf16_without_mark(content: bytes) -> str:
    start = content[:_BEGINNING]
    even, odd = start[::2].count(0), start[1::2].count(0)
    enough = len(start) // 5
    if odd > enough and odd > 4 * even:
        return "utf-16-le"
    if even > enough and even > 4 * odd:
        return "utf-16-be"
    return ""


def _is_mostly_utf8(stored: bytes) -> bool:
    """Whether the file has at least as many characters in UTF-8 as bytes that are none."""
    balance = 0
    for piece in pieces_of(stored):
        rest, sequences = _SEQUENCE.subn(b"", piece)
        balance += sequences - len(rest.translate(None, _ASCII))
    return balance >= 0


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _foreign_lines(stored: bytes) -> Iterable[bytes]:
    """Lines with bytes beyond ASCII."""
    found = (match[0] for piece in pieces_of(stored) for match in _FOREIGN_LINE.finditer(piece))
    return islice((line for line in found if len(line) <= _LONGEST_LINE), _FOREIGN_LINES)


@dataclass(frozen=True, slots=True)
class _Explained:
    page: CodePage
    share: float
    words: tuple[str, ...]


def _of_code_page(stored: bytes) -> Encoding:
    ranked = [
        each
        for each in _code_pages(_foreign_lines(stored))
        if each.share or (each.words and each.page is CODE_PAGES[0])
    ]
    for best in ranked:
        try:
            _valid(stored, Encoding(best.page.codec, best.page.name))
        except NotInEncoding:
            continue
        others = [each for each in ranked if _is_rival(best, each)][:_MOST_EXAMPLES]
        sureness = best.share - max((each.share for each in others), default=0.0)
        doubts = (_doubt(best, others),) if others else ()
        return Encoding(best.page.codec, best.page.name, max(sureness, 0.0), doubts)
    usual = CODE_PAGES[0]
    return _valid(stored, Encoding(usual.codec, usual.name, 0.0))


def _is_rival(best: _Explained, other: _Explained) -> bool:
    """Whether the other page may be meant too.

    Names of several languages are one page's only by chance. So the usual page may always be meant
    if it reads few words otherwise, or each of them as one of some language, or of none in both.
    """
    if not best.words or best.words == other.words:
        return False
    if best.share - other.share < _MARGIN:
        return True
    if other.page is not CODE_PAGES[0]:
        return False
    otherwise = set(map(str.lower, best.words)) - set(map(str.lower, other.words))
    if len(otherwise) < _ENOUGH_WORDS:
        return True
    return len(best.words) == len(other.words) and all(
        _share(other.page, [one]) >= _share(best.page, [its])
        for its, one in set(zip(best.words, other.words, strict=True))
        if its != one
    )


def _doubt(best: _Explained, others: list[_Explained]) -> Doubt:
    names = [each.page.name for each in (best, *others)]
    differing = next(
        at
        for at, word in enumerate(best.words)
        if any(at >= len(each.words) or each.words[at] != word for each in others)
    )
    examples = [
        each.words[differing] if differing < len(each.words) else "" for each in (best, *others)
    ]
    return Doubt(
        DoubtKind.ENCODING,
        f"The file does not say how its letters are encoded: “{examples[0]}” in {names[0]}, or "
        + ", ".join(
            f"“{text}” in {name}" for text, name in zip(examples[1:], names[1:], strict=True)
        )
        + ".",
        must_ask=best.page is not CODE_PAGES[0],
        alternatives=tuple(names),
        examples=tuple(examples),
    )


def _code_pages(lines: Iterable[bytes]) -> list[_Explained]:
    """How much of the words beyond ASCII each code page explains, the best first."""
    sample = b"\n".join(lines)
    ranked = [_explained(page, sample) for page in CODE_PAGES]
    return sorted(ranked, key=lambda each: -each.share)


def _explained(page: CodePage, sample: bytes) -> _Explained:
    try:
        text = sample.decode(page.codec)
    except UnicodeDecodeError:
        return _Explained(page, 0.0, ())
    words = [word for word in _BETWEEN_WORDS.split(text) if not word.isascii()]
    if not words:
        # Nothing beyond ASCII but spaces and punctuation marks, as the usual page has them.
        return _Explained(page, float(page is CODE_PAGES[0]), ())
    return _Explained(page, _share(page, words), tuple(words))


def _share(page: CodePage, words: list[str]) -> float:
    """The share of these words, which are beyond ASCII, that one language of the page has."""
    if page.alphabets:
        best = max(_explained_by(page, alphabet, words) for alphabet in page.alphabets)
    else:
        best = sum(all(map(page.is_usual, word)) for word in words)
    return best / len(words)


def _explained_by(page: CodePage, alphabet: str, words: list[str]) -> float:
    """How many of the words one language has; one that is only beyond by its apostrophe is half."""
    letters = frozenset(alphabet)
    explained = 0.0
    for word in words:
        beyond = {letter for letter in word.lower() if not letter.isascii()} - {"’"}
        if not beyond:
            explained += 0.5
        elif beyond <= letters and (_has_one_case(word) if page.is_latin else _is_sound(word)):
            explained += 1
    return explained


def _is_sound(word: str) -> bool:
    return _has_one_case(word) and not any(each.isascii() and each.isalpha() for each in word)


def _has_one_case(word: str) -> bool:
    """Whether the letters beyond ASCII are in the case of the letters around them.

    Code pages that are read as another one mix cases: MŸller, OíBrien, иВАНОВ.
    """
    for before, letter in pairwise(word):
        if before.islower() and letter.isupper() and not (before + letter).isascii():
            return False
    inner = word[1:]
    has_lower = any(map(str.islower, word))
    has_upper_beyond = any(each.isupper() and not each.isascii() for each in inner)
    has_lower_beyond = any(each.islower() and not each.isascii() for each in inner)
    capitals = sum(map(str.isupper, inner))
    is_in_capitals = capitals > len(inner) / 2 and "ß" not in inner
    return not (has_upper_beyond and has_lower) and not (has_lower_beyond and is_in_capitals)
