"""No import cycles between modules, and no imports from a floor above.

Imports inside functions and imports for types count too: modules in a cycle can't be read, tested
or moved one at a time.
"""

from collections.abc import Mapping, Set
from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

# From the top down.
FLOORS = ("mtp", "integrations", "billing", "usage", "tenants", "accounts", "core")

Imports = Mapping[str, Set[str]]


@pytest.fixture(scope="module")
def imports() -> Imports:
    """The imported modules of each module."""
    graph = grimp.build_graph(*FLOORS, exclude_type_checking_imports=False, cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def cycle_in(imports: Imports) -> list[str]:
    """The modules of a cycle, each imported by the next one; empty if there is none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        cycle: list[str] = error.args[1]
        return cycle
    return []


def test_the_product_has_no_import_cycle(imports: Imports) -> None:
    assert cycle_in(imports) == []


def test_no_module_imports_from_a_floor_above(imports: Imports) -> None:
    upward = [
        f"{module} imports {other}"
        for module, others in imports.items()
        for other in others
        if _floor(module) > _floor(other)
    ]
    assert upward == []


def _floor(module: str) -> int:
    return FLOORS.index(module.partition(".")[0])


def test_the_search_finds_a_cycle() -> None:
    clean = {"a": {"b", "c"}, "b": {"c"}, "c": set[str]()}
    assert cycle_in(clean) == []
    assert set(cycle_in({**clean, "c": {"b"}})) == {"b", "c"}
    assert set(cycle_in({**clean, "c": {"d"}, "d": {"a"}})) >= {"a", "c", "d"}
