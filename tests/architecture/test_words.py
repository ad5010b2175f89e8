"""Refuses words that the glossary replaces, in prose and in names (docs/GLOSSARY.md).

    python -m tests.architecture.test_words                     counts per folder
    python -m tests.architecture.test_words billing docs/x.md   each hit under these paths

A name is an identifier, a path, or anything in backticks; everything else is prose.
"""

import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Refused words and their replacements. A word also matches as a part of an identifier. A phrase may
# continue on the next line; with a hyphen, its words match only if they are joined.
REFUSED = {
    "told": "reported, notified, informed",
    "lacked": "did not include, was missing",
    "whoever": "the role or the caller",
    "anew": "again, or the verb: recompute, reread",
    "the books": "the usage ledger; records",
    "standing": "dunning status",
    "what came": "the events, the rows",
    "what is there": "the events, the rows",
    "by itself": "automatically; alone",
    "asked for": "requested, queried",
    "of its own": "its own, separate",
    "thus": "so",
    "in force": "active",
    "put off": "deferred",
    "nobody": "the role: no administrator",
    "somebody": "the role: an administrator, a user",
    "errands": "commands",
    "crest": "local peak",
    "runner up": "second-highest peak",
    "rehearse": "preview",
    "rehearses": "previews",
    "rehearsal": "invoice preview",
    "rehearsals": "invoice previews",
    "rehearsed": "previewed",
    "what-if": "cap simulation",
    "surplus": "overpaid",
    "unsettled": "unpaid",
    "uncredited": "creditable",
    "typeset": "fingerprint; rendered",
    "typefaces": "fonts",
    "patience": "waiter",
    "family": "process group",
    "hire": "create",
    "verdict": "push outcome",
    "verdicts": "push outcomes",
    "month walk": "sync_month",
    "look soon": "check_soon",
    "claimed at": "effective_at",
    "portions": "batches",
    "assessment": "dunning status",
    "outstanding round": "new-card charges",
    "allowance order": "pack order",
    "licence": "license",
    "licences": "licenses",
    "books": "usage ledger; records",
}
ALLOWED_PHRASES = {
    "standing": ("long standing",),
    "family": ("font family", "family name"),
    "books": ("books differ", "books a payment"),  # a key of the proofs' results; a verb
}

SUFFIXES = {".py", ".sql", ".md", ".html", ".txt", ".js", ".css", ".toml", ".yml", ".sh", ".conf"}
PLAIN_FILES = {"Makefile", "Dockerfile", ".env.example"}
LEFT_OUT = {
    ".": "state, caches and environments; .env.example is read",
    "node_modules/": "not ours",
    "requirements/": "names of packages",
    "static/css/": "compiled from styles/",
    "static/fonts/": "licence of the fonts",
    "billing/documents/font_files/": "licence of the fonts",
    "mtp/demo/first_names.txt": "names of people",
    "mtp/demo/last_names.txt": "names of people",
    "tenants/imports/sources/plain_files.py": "titles in many languages",
    "tenants/imports/sources/words.py": "words of cells in many languages",
    "docs/GLOSSARY.md": "lists the words",
    "tests/architecture/test_words.py": "lists the words",
}
# A word in quotes or backticks that names something outside the project.
ALLOWED_QUOTED = {
    ("nobody", "mtp/supervisor/"): "account of the operating system",
    ("nobody", "docs/running.md"): "account of the operating system",
    ("nobody", "docs/decisions/0024"): "account of the operating system",
}

PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# Between the words of a phrase: nothing, `_`, `-`, blanks, or a line's end with comment markers.
JOINED = re.compile(r"[_-]?")
GAP = re.compile(r"[_-]?|[ \t]+|[\"' \t]*\n[ \t]*(?:#|--|//|\*|>)?[f\"' \t]*")
CODE_IN_PROSE = re.compile(r"`[^`\n]+`|\]\([^)\s]+\)|\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
BLOCK_IN_MARKDOWN = re.compile(r"^```.*?^```|^ {4,}\S[^\n]*", re.DOTALL | re.MULTILINE)
SQL_PROSE = re.compile(r"--[^\n]*|'[^'\n]*'")
NAME_AROUND = re.compile(r"[\w./]*(?:_|/|\w\.\w|[a-z][A-Z])[\w./]*")
QUOTES = "`\"'"
PROSE_TOKENS = {"COMMENT", "STRING", "FSTRING_MIDDLE"}


@dataclass(frozen=True, slots=True)
class Part:
    """A word, or a part of an identifier, in lower case, with its place in the text."""

    word: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Hit:
    """A refused word in a file, relative to the checkout."""

    path: str
    line: int
    word: str
    is_name: bool

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.word} (say: {REFUSED[self.word]})"


def files() -> Iterator[Path]:
    """Every text file of the project, in order of its path."""
    for path in sorted(ROOT.iterdir()):
        if path.is_dir() and not f"{path.name}/".startswith(tuple(LEFT_OUT)):
            yield from (each for each in sorted(path.rglob("*")) if _is_read(each))
        elif path.is_file() and _is_read(path):
            yield path


def hits(name: str, text: str, *, words: Iterable[str]) -> Iterator[Hit]:
    """Each refused word in the text of the file `name`, in order of its place."""
    by_first: dict[str, list[str]] = {}
    for word in words:
        by_first.setdefault(_split(word)[0], []).append(word)
    allowed = {word for word, place in ALLOWED_QUOTED if name.startswith(place)}
    parts = [Part(each.group().lower(), *each.span()) for each in PART.finditer(text)]
    names: list[range] | None = None
    for index, first in enumerate(parts):
        for word in by_first.get(first.word, ()):
            if not _is_at(index, word, parts, text) or (
                _is_in_allowed_phrase(index, word, parts, text)
                or (word in allowed and text[first.start - 1] == text[first.end] in QUOTES)
            ):
                continue
            names = _names(name, text) if names is None else names
            line = text.count("\n", 0, first.start) + 1
            yield Hit(name, line, word, any(first.start in each for each in names))


def all_hits(words: Iterable[str], *, under: tuple[str, ...] = ("",)) -> list[Hit]:
    """Every hit in the files under these paths of the checkout."""
    chosen = tuple(words)
    return [
        hit
        for path in files()
        if _is_under(name := path.relative_to(ROOT).as_posix(), under)
        for hit in hits(name, path.read_text(encoding="utf-8"), words=chosen)
    ]


def _is_read(path: Path) -> bool:
    name = path.relative_to(ROOT).as_posix()
    if name in PLAIN_FILES:
        return True
    return path.suffix in SUFFIXES and path.is_file() and not name.startswith(tuple(LEFT_OUT))


def _is_under(name: str, places: tuple[str, ...]) -> bool:
    return any(place in ("", name) or name.startswith(f"{place.rstrip('/')}/") for place in places)


def _split(word: str) -> list[str]:
    return re.split("[ -]", word)


def _is_at(index: int, word: str, found: list[Part], text: str) -> bool:
    wanted = _split(word)
    parts = found[index : index + len(wanted)]
    if [part.word for part in parts] != wanted:
        return False
    gap = JOINED if "-" in word else GAP
    return all(gap.fullmatch(text[one.end : next_one.start]) for one, next_one in pairwise(parts))


def _is_in_allowed_phrase(index: int, word: str, found: list[Part], text: str) -> bool:
    return any(
        _is_at(index - offset, phrase, found, text)
        for phrase in ALLOWED_PHRASES.get(word, ())
        if (offset := _split(phrase).index(word)) <= index
    )


def _names(name: str, text: str) -> list[range]:
    """Where the text is a name: offsets of identifiers, paths and code."""
    if name.endswith(".py"):
        prose = _python_prose(text)
    elif name.endswith(".sql"):
        prose = [range(*each.span()) for each in SQL_PROSE.finditer(text)]
    else:
        prose = [range(len(text))]
    ends = [0, *(each.stop for each in prose)]
    starts = [*(each.start for each in prose), len(text)]
    names = [range(end, start) for end, start in zip(ends, starts, strict=True)]
    patterns = [NAME_AROUND, CODE_IN_PROSE]
    if name.endswith(".md"):
        patterns.append(BLOCK_IN_MARKDOWN)
    names += [range(*each.span()) for pattern in patterns for each in pattern.finditer(text)]
    return names


def _python_prose(text: str) -> list[range]:
    """Offsets of comments and strings."""
    begins = [0]
    for line in text.splitlines(keepends=True):
        begins.append(begins[-1] + len(line))
    return [
        range(begins[token.start[0] - 1] + token.start[1], begins[token.end[0] - 1] + token.end[1])
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if tokenize.tok_name[token.type] in PROSE_TOKENS
    ]


def test_no_refused_word_is_used() -> None:
    assert [str(hit) for hit in all_hits(REFUSED)] == []


def test_the_search_finds_words_in_prose_and_names() -> None:
    text = (
        "# A number of\n# its own, outstanding.\n"
        "def asked_for(StandingStep: int) -> str:\n"
        '    """Thus the books. Off by itself: `whoever`."""\n'
        '    return "what comes in. Force: put, off"\n'
    )
    assert [(hit.line, hit.word, hit.is_name) for hit in hits("x.py", text, words=REFUSED)] == [
        (1, "of its own", False),
        (3, "asked for", True),
        (3, "standing", True),
        (4, "thus", False),
        (4, "the books", False),
        (4, "books", False),
        (4, "by itself", False),
        (4, "whoever", True),
    ]


def main(arguments: list[str]) -> int:
    """Print counts per folder, or each hit under the given paths; returns 1 if there is a hit."""
    found = all_hits(REFUSED, under=tuple(arguments) or ("",))
    for hit in found if arguments else ():
        print(hit)
    folders = Counter("/".join(hit.path.split("/")[:2]) for hit in found)
    names = Counter("/".join(hit.path.split("/")[:2]) for hit in found if hit.is_name)
    print(f"\n{'folder':<40}{'prose':>7}{'names':>7}")
    for folder, count in sorted(folders.items()):
        print(f"{folder:<40}{count - names[folder]:>7}{names[folder]:>7}")
    print(f"{'all':<40}{len(found) - names.total():>7}{names.total():>7}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
