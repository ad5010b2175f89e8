"""Writes the files of the proof of identities as tools do: encodings, separators, marks, rows."""

import csv
import io
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tests.proofs.identity_people import Account, Status
from tests.proofs.identity_spellings import Mailbox, fits, spelled_in

TWICE = 0.01

Cells = dict[str, str]
# Spells a mailbox in the file's encoding.
Spell = Callable[[Mailbox], str]


@dataclass(frozen=True)
class Dialect:
    """How a table is written: encoding, separator, ends of lines, quotation marks, first line."""

    encoding: str = "utf-8"
    separator: str = ","
    line_end: str = "\n"
    is_quoted: bool = False
    first_line: str = ""
    yes: str = "True"
    no: str = "False"
    empty_rows: bool = False


@dataclass(frozen=True)
class Tool:
    """A tool's export: which directory's ids it has, which statuses it shows, its columns."""

    name: str
    directory: str
    has_ids: bool
    shows: frozenset[Status]
    header: tuple[str, ...]
    row: Callable[[random.Random, Account, Spell, Dialect], Cells]
    dialects: tuple[Dialect, ...]


@dataclass
class File:
    """A written file: its bytes, and how many addresses are spelled in it."""

    content: bytes
    encoding: str
    spellings: int
    twice: int = 0
    lines: list[Cells] = field(default_factory=list)


def write(dice: random.Random, tool: Tool, accounts: Iterable[Account]) -> File:
    """The export of these accounts, as far as the tool shows them, in any order."""
    shown = [each for each in accounts if each.status in tool.shows]
    dialect = dice.choice([each for each in tool.dialects if _can_hold(each, shown)])
    file = File(b"", dialect.encoding, 0)

    def spell(mailbox: Mailbox) -> str:
        file.spellings += 1
        return spelled_in(dice, mailbox, dialect.encoding)

    dice.shuffle(shown)
    for account in shown:
        file.lines.append(tool.row(dice, account, spell, dialect))
        if account.status == Status.ACTIVE and dice.random() < TWICE:
            file.lines.append(tool.row(dice, account, spell, dialect))
            file.twice += 1
    file.content = _written(dice, tool, dialect, file.lines)
    return file


def _written(dice: random.Random, tool: Tool, dialect: Dialect, lines: list[Cells]) -> bytes:
    buffer = io.StringIO()
    buffer.write(dialect.first_line)
    quoting = csv.QUOTE_ALL if dialect.is_quoted else csv.QUOTE_MINIMAL
    writer = csv.writer(
        buffer, delimiter=dialect.separator, lineterminator=dialect.line_end, quoting=quoting
    )
    writer.writerow(tool.header)
    for cells in lines:
        row = [cells.pop(title, "") for title in tool.header]
        assert not cells, cells
        writer.writerow(_held(text, dialect.encoding) for text in row)
        if dialect.empty_rows and dice.random() < 0.05:
            writer.writerow([""] * len(row))
    if dialect.empty_rows:
        writer.writerows([[""] * len(tool.header)] * dice.randint(0, 3))
    return buffer.getvalue().encode(dialect.encoding)


def _can_hold(dialect: Dialect, accounts: Iterable[Account]) -> bool:
    """Whether the local parts can be written; a domain has its punycode."""
    return all(
        fits(mailbox.local, dialect.encoding)
        for account in accounts
        for mailbox in (account.mailbox, *account.earlier, *filter(None, [account.mail]))
    )


def _held(text: str, encoding: str) -> str:
    """The text, with what the encoding can't hold as Excel writes it."""
    return text if fits(text, encoding) else text.encode(encoding, "replace").decode(encoding)
