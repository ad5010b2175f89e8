"""What a source says about its files: its titles, its words, and how it is recognized. Values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tenants.imports.columns import plain_name
from tenants.imports.reading.options import Category


class Meaning(StrEnum):
    """What a cell says about a person; a line may have several."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    LEFT = Category.LEFT
    GUEST = Category.GUEST
    SHARED_MAILBOX = Category.SHARED_MAILBOX
    SERVICE_ACCOUNT = Category.SERVICE_ACCOUNT
    NOT_YET = Category.NOT_YET
    UNLICENSED = Category.UNLICENSED


@dataclass(frozen=True)
class Source:
    """A tool, and the files that it writes (docs/facts/directory_files.md).

    `marks` are sets of plain titles: a file that has all titles of one is of this source. `fields`
    are the titles of each field in order of preference; those of plain files complete them, except
    for fields that are listed here. `words` are this tool's own state words. `ids_of` is put before
    its ids, where another directory has ids of the same form for the same people.
    """

    name: str
    marks: tuple[frozenset[str], ...] = ()
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    words: Mapping[str, Meaning] = field(default_factory=dict)
    ids_of: str = ""
    # A blocked account without license and without first and last name is a shared mailbox.
    has_unmarked_shared_mailboxes: bool = False
    # An empty instant says that there was no activity.
    empty_is_no_activity: bool = False


def plain(titles: str) -> tuple[str, ...]:
    """The plain forms of titles or words that are separated by semicolons or line ends."""
    names = (plain_name(title) for title in titles.replace("\n", ";").split(";"))
    return tuple(dict.fromkeys(filter(None, names)))


def mark(titles: str) -> frozenset[str]:
    """The plain titles of a mark."""
    return frozenset(plain(titles))


def meanings(words: Mapping[Meaning, str]) -> dict[str, Meaning]:
    """The meaning of each plain word."""
    return {word: meaning for meaning, texts in words.items() for word in plain(texts)}
