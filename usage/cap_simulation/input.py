"""Reads caps that people type or paste: a number, or "none" to lift the cap. Pure."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.names import name_key
from core.plain_numbers import plain_id, typed_whole

SMALLEST, LARGEST = 1, 10_000
_LIFTED = {"none", "no cap", "no user cap", "no limit"}
LONGEST_LIST = 400_000
# The csv module refuses longer cells.
LONGEST_LINE = 1_000


class NotACap(ValueError):
    """Neither a whole number in the range of caps nor "none"; the message is for people."""


@dataclass(frozen=True, slots=True)
class PastedCaps:
    """A pasted list: caps by organization id, and messages about invalid lines."""

    caps: dict[int, int | None]
    mistakes: tuple[str, ...]


def read_cap(text: str) -> int | None:
    """The typed cap, None for "none". Raises `NotACap`."""
    typed = text.strip()
    if typed.casefold() in _LIFTED:
        return None
    number = typed_whole(typed, smallest=SMALLEST, largest=LARGEST)
    if number is None:
        raise NotACap(f"Enter a whole number from {SMALLEST} to {LARGEST:,}, or “none”.")
    return number


def read_list(text: str, *, organizations: Mapping[str, int], ids: Iterable[int]) -> PastedCaps:
    """Read lines of an organization's name or id and a cap, separated by comma, semicolon or tab.

    `organizations` are ids by `name_key`. A first line without a cap is a header.
    """
    known = set(ids)
    caps: dict[int, int | None] = {}
    mistakes: list[str] = []
    lines = text.splitlines()
    delimiter = _delimiter(lines)
    for number, line in enumerate(lines, start=1):
        named = [cell.strip() for cell in _cells(line, delimiter) if cell.strip()]
        if not named:
            continue
        try:
            cap = read_cap(named[-1])
        except NotACap as mistake:
            if number > 1:
                mistakes.append(f"Line {number}: {mistake}")
            continue
        found = _organization(named[0], organizations, known)
        if len(named) == 1 or found is None:
            mistakes.append(f"Line {number}: there is no organization “{named[0][:80]}”.")
        elif found in caps:
            mistakes.append(f"Line {number}: “{named[0][:80]}” is listed twice.")
        else:
            caps[found] = cap
    if not caps and not mistakes:
        mistakes.append("There is no line with an organization and a cap.")
    return PastedCaps(caps, tuple(mistakes))


def _cells(line: str, delimiter: str) -> list[str]:
    # Line by line: an unclosed quote affects only its line.
    return next(csv.reader([line[:LONGEST_LINE]], delimiter=delimiter), [])


def _delimiter(lines: list[str]) -> str:
    first = next((line for line in lines if line.strip()), "")
    return max("\t;,", key=first.count)


def _organization(name: str, organizations: Mapping[str, int], ids: set[int]) -> int | None:
    found = organizations.get(name_key(name))
    if found is None and (pk := plain_id(name)) in ids:
        return pk
    return found
