"""Finding the columns of a file by their names."""

import re
from collections.abc import Sequence

from core.csv_files import read_cell

_SECRETS = ("password", "passwordhash", "initialpassword", "temporarypassword")


class Header:
    """The header of a file, searched by normalized column names."""

    def __init__(self, titles: Sequence[str]) -> None:
        self.titles = titles
        self._positions: dict[str, int] = {}
        for position, title in enumerate(titles):
            self._positions.setdefault(plain_name(title), position)

    def find(self, names: Sequence[str]) -> tuple[int, ...]:
        """The positions of those of these columns that the file has, in the order of `names`."""
        return tuple(self._positions[name] for name in names if name in self._positions)

    def secrets(self) -> tuple[int, ...]:
        """The positions of columns with passwords."""
        return self.find(_SECRETS)

    def source(self, sources: Sequence[tuple[str, frozenset[str]]]) -> str:
        """The first source whose columns are all in the file, or an empty text."""
        return next((name for name, columns in sources if columns <= set(self._positions)), "")

    def no_column(self, missing: str) -> str:
        """The message about a missing required column."""
        titles = ", ".join(f"“{_printable(title)}”" for title in self.titles[:8] if title)
        return f"No column {missing} was found. The file’s columns are {titles}."


def first_filled(cells: Sequence[str], positions: Sequence[int]) -> str:
    """The first of these cells that is not empty, or an empty text."""
    for position in positions:
        if position < len(cells) and cells[position]:
            return read_cell(cells[position])
    return ""


def plain_name(title: str) -> str:
    """The title in lower case without punctuation and remarks such as "[Required]"."""
    return re.sub(r"[\W_]", "", re.sub(r"\[.*?\]|\(.*?\)", "", title.casefold()))


def _printable(title: str) -> str:
    return "".join(filter(str.isprintable, title))[:40]
