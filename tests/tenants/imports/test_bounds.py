"""Files that are made to be large: refused while they are read, in little time and memory."""

import time
import tracemalloc
from collections.abc import Callable
from io import BytesIO

import pytest

from tenants.imports.file_reading import MOST_LINES, read_table
from tenants.imports.kinds import ImportLine
from tenants.imports.reading.records import MOST_COLUMNS, NotReadable
from tenants.imports.reading.upload import LARGEST_FILE, as_stored
from tests.tenants.imports.test_sources import read
from tests.tenants.widest_file import widest_file

MEGABYTE = 1024 * 1024
TOO_LONG = "line .* longer than 1,000,000"
BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "blank lines": (lambda: b"email\n" + b"\n" * (LARGEST_FILE - 100), "100,000 empty lines"),
    "blank lines first": (lambda: b"\n" * (LARGEST_FILE - 100) + b"email\n", "empty"),
    "empty cells": (lambda: b"email\n" + b",,,,,,,\r\n" * 4_000_000, "100,000 empty lines"),
    "columns": (lambda: b"email" + b"," * (LARGEST_FILE - 100) + b"\na", TOO_LONG),
    "columns of one line": (
        lambda: b"email\na@acme.example\n" + b"," * (LARGEST_FILE - 100),
        TOO_LONG,
    ),
    "columns of many lines": (
        lambda: b"email\na@acme.example\n" + (b'"a","b\n' + b"," * 999_000 + b"\n") * 40,
        "1,000 columns",
    ),
    "cell": (lambda: b"email\n" + b"x" * (LARGEST_FILE - 100), TOO_LONG),
    "cell of wide characters": (lambda: b"email\n" + "😀".encode() * 10_000_000, TOO_LONG),
    "cell of many lines": (
        lambda: b'email\n"' + (b"x" * 1_000 + b"\n") * 40_000,
        "longer than 131,072",
    ),
    "line breaks in cells": (
        lambda: b"email,note\n" + b'a,"' + (b"\n" * 100_000 + b'","') * 390,
        "line breaks|quotation|1,000 columns",
    ),
    "open quotation mark": (
        lambda: b'email\n"' + b"a\n" * 20_000_000,
        "longer than 131,072|quotation",
    ),
    "lines": (
        lambda: b"email\n" + b"a\n" * (LARGEST_FILE // 2 - 100),
        f"{MOST_LINES:,} lines",
    ),
    "foreign bytes": (
        lambda: b"email\n" + b"\xfc\n" * (LARGEST_FILE // 2 - 100),
        f"{MOST_LINES:,} lines",
    ),
    "UTF-16": (
        lambda: "email\n".encode("utf-16") + b"\n\0" * (LARGEST_FILE // 2 - 100),
        "empty lines",
    ),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_while_it_is_read(bomb: str) -> None:
    """As the worker reads what the web server stored."""
    written, reason = BOMBS[bomb]
    content = BytesIO(written())
    began = time.process_time()
    with pytest.raises(NotReadable, match=reason):
        read_table(as_stored(content))
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "bomb", ["blank lines", "columns of many lines", "cell of many lines", "foreign bytes"]
)
def test_a_bomb_takes_little_memory(bomb: str) -> None:
    written, reason = BOMBS[bomb]
    content = BytesIO(written())
    tracemalloc.start()
    try:
        with pytest.raises(NotReadable, match=reason):
            read_table(as_stored(content))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Beside the file itself, which has its own limit.
    assert peak < LARGEST_FILE + 20 * MEGABYTE


def test_as_many_columns_as_allowed_are_read() -> None:
    titles = ",".join(["email", *(f"c{number}" for number in range(MOST_COLUMNS - 1))])
    assert len(read_table(f"{titles}\na@acme.example".encode()).header) == MOST_COLUMNS


def test_a_table_is_read_line_by_line() -> None:
    content = as_stored(BytesIO(widest_file()))
    tracemalloc.start()
    try:
        table = read_table(content)
        assert sum(1 for _ in table.lines()) == table.count == MOST_LINES
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 * MEGABYTE, "the file is 37 MB, and its cells would be more than 150"


def test_a_formula_is_a_text() -> None:
    formula = '=HYPERLINK(""https://x.example"",""Ann"")'
    _, (line,) = read(f'Email,Name\nann@acme.example,"{formula}"')
    assert isinstance(line, ImportLine)
    assert line.name == formula.replace('""', '"')
    assert line.key == "ann@acme.example"
