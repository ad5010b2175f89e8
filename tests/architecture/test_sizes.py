"""No module has more than 400 lines, no function more than 50."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (
    "core",
    "mtp",
    "accounts",
    "tenants",
    "usage",
    "billing",
    "integrations",
    "sandbox",
    "tests",
)
LONGEST_MODULE = 400
LONGEST_FUNCTION = 50


def modules() -> Iterator[Path]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines from `def` to the end, without the docstring."""
    last = function.end_lineno or function.lineno
    length = last - function.lineno + 1
    opening = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        length -= (opening.end_lineno or opening.lineno) - opening.lineno + 1
    return length


def test_no_module_is_too_long() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in modules()
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST_MODULE} == {}


def test_no_function_is_too_long() -> None:
    too_long = {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": lines_of(node)
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and lines_of(node) > LONGEST_FUNCTION
    }
    assert too_long == {}
