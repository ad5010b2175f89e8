"""Every text that people read: of pages, mails and documents, and of messages in the code.

A text is a sentence or label as it is written, with `…` where a value is put in. Read from the
source files, so also texts of rare states are found.
"""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

from django.conf import settings

APPS = ("core", "accounts", "tenants", "usage", "billing", "integrations", "mtp")
# Not read by people: what only development shows, and names in other languages.
LEFT_OUT = (
    "mtp/demo/",
    "mtp/supervisor/",
    "mtp/texts/",
    "tenants/imports/sources/",
    "/migrations/",
)
VALUE = "…"
ATTRIBUTES = frozenset({"aria-label", "alt", "content", "placeholder", "title", "label"})
# Elements that are a part of the sentence around them.
INLINE = frozenset({"a", "abbr", "b", "bdi", "br", "code", "em", "i", "small", "span", "strong"})
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_EXPRESSION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_STATEMENT = re.compile(r"\{%.*?%\}", re.DOTALL)
_BLOCK = re.compile(r"\{%-?\s*(?:end)?(?:block|call)\b.*?%\}", re.DOTALL)
_ELSE = re.compile(r"\{%-?\s*(?:else|elif)\b.*?%\}", re.DOTALL)
_QUOTED = re.compile(r"\"([^\"\n]*)\"")
_SENTENCE = re.compile(r"[A-Z…“][\w’…]*[a-z…].*", re.DOTALL)
_NOT_FOR_PEOPLE = re.compile(
    r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH|CREATE|ALTER|DROP|LOCK|SET|GRANT|TRUNCATE)\b"
)


@dataclass(frozen=True, slots=True, order=True)
class Text:
    """A text with its place, relative to the project's root."""

    path: str
    line: int
    text: str


def collected() -> list[Text]:
    """Every text, in order of its place."""
    root = settings.BASE_DIR
    found = {*_of_files(root, "templates", (".html", ".txt"), _of_template)}
    for app in APPS:
        found |= {*_of_files(root, app, (".py",), _of_code)}
    return sorted(found)


def _of_files(
    root: Path,
    folder: str,
    endings: tuple[str, ...],
    read: Callable[[str], Iterator[tuple[int, str]]],
) -> Iterator[Text]:
    for path in (root / folder).rglob("*"):
        place = path.relative_to(root).as_posix()
        if path.suffix in endings and not any(part in place for part in LEFT_OUT):
            for line, text in read(path.read_text(encoding="utf-8")):
                tidy = " ".join(text.split())
                if _SENTENCE.match(tidy) and not _NOT_FOR_PEOPLE.match(tidy):
                    yield Text(place, line, tidy)


def _of_template(source: str) -> Iterator[tuple[int, str]]:
    for found in (*_EXPRESSION.finditer(source), *_STATEMENT.finditer(source)):
        line = source.count("\n", 0, found.start()) + 1
        yield from ((line, quoted) for quoted in _QUOTED.findall(found[0]))
    bare = _COMMENT.sub(_same_lines(""), source)
    bare = _EXPRESSION.sub(_same_lines(VALUE), _BLOCK.sub(_same_lines("<hr>"), bare))
    bare = _STATEMENT.sub(_same_lines(""), _ELSE.sub(_same_lines(" | "), bare))
    reader = _Reader()
    reader.feed(bare)
    reader.close()
    reader.end_sentence()
    yield from reader.texts


def _same_lines(value: str) -> Callable[[re.Match[str]], str]:
    """A replacement after which all lines have the numbers that they had."""
    return lambda found: value + "\n" * found[0].count("\n")


class _Reader(HTMLParser):
    """Gathers the sentences of a page, and the attributes that are read aloud."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[tuple[int, str]] = []
        self._parts: list[str] = []
        self._line = 1

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.texts += [
            (self.getpos()[0], value) for name, value in attrs if name in ATTRIBUTES and value
        ]
        if tag not in INLINE:
            self.end_sentence()

    def handle_endtag(self, tag: str) -> None:
        if tag not in INLINE:
            self.end_sentence()

    def handle_data(self, data: str) -> None:
        # In a mail's plain text, an empty line ends a sentence.
        for number, part in enumerate(data.split("\n\n")):
            if number:
                self.end_sentence()
            if part.strip() and not self._parts:
                self._line = self.getpos()[0]
            if part.strip() or self._parts:
                self._parts.append(part)

    def end_sentence(self) -> None:
        if self._parts:
            self.texts.append((self._line, "".join(self._parts)))
            self._parts = []


def _of_code(source: str) -> Iterator[tuple[int, str]]:
    tree = ast.parse(source)
    parts = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            # A docstring.
            parts.add(id(node.value))
        elif id(node) in parts:
            continue
        elif isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(map(_part, node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def _part(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else VALUE
