"""What the cells of a line say about a person: whether the line counts, and whether suspended."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.addresses import is_guest_name
from tenants.imports.columns import plain_name
from tenants.imports.reading.options import Category, Doubt, DoubtKind
from tenants.imports.sources import words
from tenants.imports.sources.source import Meaning, Source
from tenants.models import ManagedUser

# In their order: of several meanings the first decides the category.
_DECIDING = (
    Meaning.LEFT,
    Meaning.GUEST,
    Meaning.SHARED_MAILBOX,
    Meaning.SERVICE_ACCOUNT,
    Meaning.NOT_YET,
    Meaning.UNLICENSED,
)
# Fields whose columns are used only if most of their values have a meaning.
FIELDS_BY_VALUES = ("state", "blocked", "enabled", "left", "activated", "licensed")
_FIELDS = (*FIELDS_BY_VALUES, "type", "licenses")
# Words that these fields may hold without meaning anything here, such as a job or a product.
_FREE_TEXT = {"type", "licenses"}
# Cheap hints in a name, before its plain form is compared.
_SHARED_HINTS = (
    *("mailbox", "postfach", "partag", "compart", "condivisa", "gedeeld", "partilh", "udost"),
    *("delad", "delt"),
)
_DATE = re.compile(r"\d.*\d")
_NO_DATE = re.compile(r"[0\W_]*")
_MOST_UNKNOWN = 5


@dataclass(frozen=True, slots=True)
class Judgment:
    """The category of a line, its state, and the tool's own word that decided it."""

    category: Category = Category.COUNTED
    state: ManagedUser.State = ManagedUser.State.ACTIVE
    word: str = ""


_USUAL = Judgment()


class Signs:
    """Reads the cells of the deciding columns of one file; each different text once."""

    def __init__(
        self, source: Source, titles: Sequence[str], fields: Mapping[str, tuple[int, ...]]
    ) -> None:
        self._source = source
        self._titles = titles
        self._columns: list[tuple[str, int, dict[str, tuple[Meaning, str] | None]]] = [
            (field, position, {}) for field in _FIELDS for position in fields.get(field, ())
        ]
        self.unknown: dict[tuple[int, str], int] = {}

    def judgment(
        self, number: int, cells: Sequence[str], *, address: str, name: str, has_names: bool
    ) -> Judgment:
        """What the line is; `has_names` says whether it has a first or last name."""
        found: dict[Meaning, str] = {}
        for field, position, known in self._columns:
            if position >= len(cells) or not (text := cells[position]):
                continue
            if text not in known:
                known[text] = self._read(field, position, text, number)
            if (sign := known[text]) is not None:
                found.setdefault(*sign)
        if is_guest_name(address):
            found.setdefault(Meaning.GUEST, "#EXT#")
        if _is_named_shared(name) and not self._has_license(cells):
            found.setdefault(Meaning.SHARED_MAILBOX, name)
        return self._judged(found, has_names=has_names) if found else _USUAL

    def doubts(self) -> list[Doubt]:
        """A note for each column with words that mean nothing here; their lines count."""
        by_column: dict[int, list[str]] = {}
        lines: dict[int, list[int]] = {}
        for (position, text), number in self.unknown.items():
            by_column.setdefault(position, []).append(text)
            lines.setdefault(position, []).append(number)
        return [
            Doubt(
                DoubtKind.WORDS,
                f"{_listed(texts)} in the column “{self._titles[position]}” is not known. "
                "These lines count as active users.",
                examples=tuple(texts[:_MOST_UNKNOWN]),
                lines=tuple(lines[position][:20]),
            )
            for position, texts in by_column.items()
        ]

    def _read(
        self, field: str, position: int, text: str, number: int
    ) -> tuple[Meaning, str] | None:
        meaning, is_known = meaning_of(field, text, self._source)
        if not is_known and field not in _FREE_TEXT:
            self.unknown[position, text.strip()] = number
        if meaning is None or meaning == Meaning.ACTIVE:
            return None
        shown = text.strip()[:60]
        if field in {"state", "type", "licenses"} and not shown.isdecimal():
            return meaning, shown
        return meaning, f"{self._titles[position]}: {shown}"

    def _judged(self, found: dict[Meaning, str], *, has_names: bool) -> Judgment:
        is_suspended = Meaning.SUSPENDED in found
        if is_suspended and Meaning.UNLICENSED in found:
            # The account of a person that is being closed is disabled and counts.
            unlicensed = found.pop(Meaning.UNLICENSED)
            if self._source.has_unmarked_shared_mailboxes and not has_names:
                found.setdefault(
                    Meaning.SHARED_MAILBOX, f"{found[Meaning.SUSPENDED]}, {unlicensed}"
                )
        state = ManagedUser.State.SUSPENDED if is_suspended else ManagedUser.State.ACTIVE
        for meaning in _DECIDING:
            if meaning in found:
                return Judgment(Category(meaning.value), state, found[meaning])
        return Judgment(Category.COUNTED, state, found.get(Meaning.SUSPENDED, ""))

    def _has_license(self, cells: Sequence[str]) -> bool:
        return any(
            field == "licenses"
            and position < len(cells)
            and cells[position].strip() != ""
            and plain_name(cells[position]) not in words.UNLICENSED
            for field, position, _ in self._columns
        )


def meaning_of(field: str, text: str, source: Source) -> tuple[Meaning | None, bool]:
    """The meaning of a cell of this field, None if it says nothing; and whether it is known."""
    word = plain_name(text.replace("(", " ").replace("[", " "))
    if field == "state":
        meaning = source.words.get(word) or words.STATES.get(word)
        return meaning, meaning is not None or not word
    if field == "type":
        return words.TYPES.get(word), word in words.TYPES
    if field == "licenses":
        is_unlicensed = word in words.UNLICENSED
        return (Meaning.UNLICENSED if is_unlicensed else None), is_unlicensed
    return _yes_or_no(field, text, word, source)


def _yes_or_no(field: str, text: str, word: str, source: Source) -> tuple[Meaning | None, bool]:
    by_yes, by_no = _YES_AND_NO[field]
    if not word or word in words.NOTHING:
        by_word: tuple[Meaning | None, bool] = None, True
    elif word in words.YES:
        by_word = by_yes, True
    elif word in words.NO:
        by_word = by_no, True
    elif field == "left" and _DATE.search(text) and not _NO_DATE.fullmatch(text):
        by_word = Meaning.LEFT, True
    else:
        meaning = source.words.get(word) or words.STATES.get(word)
        by_word = meaning, meaning is not None
    return by_word


_YES_AND_NO: dict[str, tuple[Meaning | None, Meaning | None]] = {
    "blocked": (Meaning.SUSPENDED, None),
    "enabled": (None, Meaning.SUSPENDED),
    "left": (Meaning.LEFT, None),
    "activated": (None, Meaning.NOT_YET),
    "licensed": (None, Meaning.UNLICENSED),
}


def has_meanings(field: str, values: Sequence[str], source: Source) -> bool:
    """Whether at least half of the different values of a column mean something in this field."""
    different = {value.strip() for value in values} - {""}
    known = sum(meaning_of(field, value, source)[1] for value in different)
    return known * 2 >= len(different)


def _is_named_shared(name: str) -> bool:
    lower = name.lower()
    if not any(hint in lower for hint in _SHARED_HINTS):
        return False
    plain = plain_name(name.replace("(", " ").replace("[", " "))
    return any(shared in plain for shared in words.SHARED_NAMES)


def _listed(texts: Sequence[str]) -> str:
    shown = ", ".join(f"“{text[:40]}”" for text in texts[:_MOST_UNKNOWN])
    more = len(texts) - _MOST_UNKNOWN
    return f"{shown} and {more} more" if more > 0 else shown
