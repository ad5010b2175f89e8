"""No two modules of the product import each other, directly or in a circle.

Imports inside functions and imports for types only count: each is a dependency, and a circle of
them can't be read, tested or moved one module at a time.
"""

from collections.abc import Mapping, Set
from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

PRODUCT = ("mtp", "accounts", "tenants", "usage", "billing", "integrations")
# From the top down. `mtp` is base and top in one folder: import-linter's contract divides it.
FLOORS = ("integrations", "billing", "usage", "tenants", "accounts")

Imports = Mapping[str, Set[str]]


@pytest.fixture(scope="module")
def imports() -> Imports:
    """Which modules each module imports."""
    graph = grimp.build_graph(*PRODUCT, exclude_type_checking_imports=False, cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def circle_in(imports: Imports) -> list[str]:
    """The modules of a circle, each imported by the one after it; empty without one."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as found:
        circle: list[str] = found.args[1]
        return circle
    return []


def test_no_modules_import_each_other_in_a_circle(imports: Imports) -> None:
    assert circle_in(imports) == []


def test_no_floor_imports_one_above(imports: Imports) -> None:
    upward = [
        f"{module} imports {other}"
        for module, others in imports.items()
        for other in others
        if _floor(module) > _floor(other) >= 0
    ]
    assert upward == []


def _floor(module: str) -> int:
    """The floor's place from the top, -1 for `mtp`."""
    package = module.partition(".")[0]
    return FLOORS.index(package) if package in FLOORS else -1


def test_a_circle_is_found() -> None:
    clean = {"a": {"b", "c"}, "b": {"c"}, "c": set[str]()}
    assert circle_in(clean) == []
    assert set(circle_in({**clean, "c": {"b"}})) == {"b", "c"}
    assert set(circle_in({**clean, "c": {"d"}, "d": {"a"}})) >= {"a", "c", "d"}
