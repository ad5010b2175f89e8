"""Files that are made to be large: refused while they are read, in little time and memory."""

import time
import tracemalloc

import pytest

from tenants.imports.file_reading import (
    LARGEST_FILE,
    MOST_COLUMNS,
    MOST_LINES,
    NotReadable,
    read_table,
)
from tenants.imports.kinds import ImportLine
from tests.tenants.imports.test_sources import read

MEGABYTE = 1024 * 1024
BOMBS = {
    "blank lines": (b"email\n" + b"\n" * (LARGEST_FILE - 100), "100,000 empty lines"),
    "blank lines first": (b"\n" * (LARGEST_FILE - 100) + b"email\n", "empty"),
    "empty cells": (b"email\n" + b",,,,,,,\r\n" * 1_000_000, "100,000 empty lines"),
    "columns": (b"email" + b"," * (LARGEST_FILE - 100) + b"\na", "1,000 columns"),
    "columns of one line": (
        b"email\na@acme.example\n" + b"," * (LARGEST_FILE - 100),
        "1,000 columns",
    ),
    "cell": (b"email\n" + b"x" * (LARGEST_FILE - 100), "longer than 131,072"),
    "line breaks in cells": (
        b"email,note\n" + b'a,"' + (b"\n" * 100_000 + b'","') * 90,
        "line breaks|quotation|1,000 columns",
    ),
    "open quotation mark": (b'email\n"' + b"a\n" * 5_000_000, "longer than 131,072|quotation"),
    "lines": (b"email\n" + b"a\n" * (LARGEST_FILE // 2 - 100), f"{MOST_LINES:,} lines"),
    "foreign bytes": (b"email\n" + b"\xfc\n" * (LARGEST_FILE // 2 - 100), f"{MOST_LINES:,} lines"),
    "UTF-16": ("email\n".encode("utf-16") + b"\n\0" * (LARGEST_FILE // 2 - 100), "empty lines"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_while_it_is_read(bomb: str) -> None:
    content, reason = BOMBS[bomb]
    assert len(content) <= LARGEST_FILE
    began = time.process_time()
    with pytest.raises(NotReadable, match=reason):
        read_table(content)
    assert time.process_time() - began < 2


@pytest.mark.parametrize("bomb", ["blank lines", "columns", "cell", "foreign bytes"])
def test_a_bomb_takes_little_memory(bomb: str) -> None:
    content, reason = BOMBS[bomb]
    tracemalloc.start()
    try:
        with pytest.raises(NotReadable, match=reason):
            read_table(content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 60 * MEGABYTE


def test_as_many_columns_as_allowed_are_read() -> None:
    titles = ",".join(["email", *(f"c{number}" for number in range(MOST_COLUMNS - 1))])
    assert len(read_table(f"{titles}\na@acme.example".encode()).header) == MOST_COLUMNS


def test_a_table_is_read_line_by_line() -> None:
    filling = ",".join("abcdefgh" for _ in range(18))
    lines = "".join(f"u{number}@acme.example,{filling}\n" for number in range(50_000))
    titles = ",".join(f"c{number}" for number in range(18))
    content = f"email,{titles}\n{lines}".encode()
    tracemalloc.start()
    try:
        table = read_table(content)
        assert sum(1 for _ in table.lines()) == table.count == MOST_LINES
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 * MEGABYTE, "the file is 9 MB, and its cells would be more than 50"


def test_a_formula_is_a_text() -> None:
    formula = '=HYPERLINK(""https://x.example"",""Ann"")'
    _, (line,) = read(f'Email,Name\nann@acme.example,"{formula}"')
    assert isinstance(line, ImportLine)
    assert line.name == formula.replace('""', '"')
    assert line.key == "ann@acme.example"
