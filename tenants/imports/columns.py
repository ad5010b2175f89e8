"""Finding columns by their names, in exports of common directories and in plain files."""

import re
from collections.abc import Sequence

from core.csv_files import read_cell

_SECRETS = ("password", "passwordhash", "initialpassword", "temporarypassword")


class Header:
    """The header of a file, searched by plain names."""

    def __init__(self, titles: Sequence[str]) -> None:
        self.titles = titles
        self._places: dict[str, int] = {}
        for at, title in enumerate(titles):
            self._places.setdefault(plain_name(title), at)

    def find(self, names: Sequence[str]) -> tuple[int, ...]:
        """The positions of those of these columns that the file has, in the order of `names`."""
        return tuple(self._places[name] for name in names if name in self._places)

    def secrets(self) -> tuple[int, ...]:
        """The positions of columns of passwords."""
        return self.find(_SECRETS)

    def source(self, sources: Sequence[tuple[str, frozenset[str]]]) -> str:
        """The first source all of whose columns the file has; empty for none."""
        return next((name for name, columns in sources if columns <= set(self._places)), "")

    def no_column(self, missing: str) -> str:
        """Why a file without a required column can't be read."""
        shown = ", ".join(f"“{_shown(title)}”" for title in self.titles[:8] if title)
        return f"No column {missing} was found. The file’s columns are {shown}."


def first_filled(cells: Sequence[str], places: Sequence[int]) -> str:
    """The first of these cells with anything in it; empty when none has."""
    for place in places:
        if place < len(cells) and cells[place]:
            return read_cell(cells[place])
    return ""


def plain_name(title: str) -> str:
    """A column's name without case, punctuation and remarks: "Email Address [Required]"."""
    return re.sub(r"[\W_]", "", re.sub(r"\[.*?\]|\(.*?\)", "", title.casefold()))


def _shown(title: str) -> str:
    return "".join(filter(str.isprintable, title))[:40]
