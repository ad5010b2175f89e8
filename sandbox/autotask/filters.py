"""The filters of a query: operators, groups, and values compared by the field's type."""

from collections.abc import Callable
from typing import Any

from sandbox.autotask.schema import Entity
from sandbox.autotask.wire import Refused, Row, parse_instant

Test = Callable[[Row], bool]

PROPERTIES = {"op", "field", "value", "udf", "items"}
_DEEPEST_GROUP = 10
_MOST_VALUES = 500

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda have, want: have == want,
    "noteq": lambda have, want: have != want,
    "gt": lambda have, want: have is not None and have > want,
    "gte": lambda have, want: have is not None and have >= want,
    "lt": lambda have, want: have is not None and have < want,
    "lte": lambda have, want: have is not None and have <= want,
}
_TEXT_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "beginswith": lambda have, want: have.startswith(want),
    "endswith": lambda have, want: have.endswith(want),
    "contains": lambda have, want: want in have,
}


def compile_filter(entity: Entity, conditions: Any) -> Test:
    """A test for rows that meet every condition of a query. Raises Refused."""
    if not isinstance(conditions, list) or not conditions:
        raise Refused("The query must have at least one filter.")
    return _all([_condition(entity, condition, depth=1) for condition in conditions])


def _condition(entity: Entity, condition: Any, *, depth: int) -> Test:
    if not isinstance(condition, dict):
        raise Refused("A filter must be a JSON object.")
    if depth > _DEEPEST_GROUP:
        raise Refused("The filter groups are nested too deeply.")
    given = {name.lower(): value for name, value in condition.items()}
    for name in given.keys() - PROPERTIES:
        raise Refused(f"{name} is not a property of a filter.")
    if given.get("udf"):
        raise Refused("This stand-in has no user-defined fields.")
    operator = str(given.get("op")).lower()
    if operator in {"and", "or"}:
        return _group(entity, operator, given.get("items"), depth=depth)
    if "field" not in given:
        raise Refused("A filter needs a field.")
    return _comparison(entity, operator, entity.wire_name(given["field"]), given.get("value"))


def _group(entity: Entity, operator: str, items: Any, *, depth: int) -> Test:
    if not isinstance(items, list) or not items:
        raise Refused(f"The filter group '{operator}' needs items.")
    tests = [_condition(entity, item, depth=depth + 1) for item in items]
    return _all(tests) if operator == "and" else _any(tests)


def _comparison(entity: Entity, operator: str, name: str, value: Any) -> Test:
    if operator in {"exist", "notexist"}:
        return lambda row: (row.get(name) is not None) == (operator == "exist")
    if operator in {"in", "notin"}:
        return _membership(entity, operator, name, value)
    if value is None:
        raise Refused(f"The filter on {name} needs a value.")
    if operator in _TEXT_COMPARISONS:
        if entity.fields[name] != "string":
            raise Refused(f"The operator '{operator}' is for text; {name} is none.")
        wanted = str(value).casefold()
        test = _TEXT_COMPARISONS[operator]
        return lambda row: test(str(row.get(name) or "").casefold(), wanted)
    if operator not in _COMPARISONS:
        raise Refused(f"'{operator}' is not a filter operator.")
    compare, want = _COMPARISONS[operator], _comparable(entity, name, value)
    return lambda row: compare(_comparable(entity, name, row.get(name)), want)


def _membership(entity: Entity, operator: str, name: str, values: Any) -> Test:
    if not isinstance(values, list) or not 1 <= len(values) <= _MOST_VALUES:
        raise Refused(f"The filter on {name} needs a list of 1 to {_MOST_VALUES} values.")
    wanted = {_comparable(entity, name, value) for value in values}
    return lambda row: (_comparable(entity, name, row.get(name)) in wanted) == (operator == "in")


def _comparable(entity: Entity, name: str, value: Any) -> Any:
    if value is None:
        return None
    typed = entity.coerce(name, value)
    kind = entity.fields[name]
    if kind == "datetime":
        return parse_instant(typed)
    return typed.casefold() if kind == "string" else typed


def _all(tests: list[Test]) -> Test:
    return lambda row: all(test(row) for test in tests)


def _any(tests: list[Test]) -> Test:
    return lambda row: any(test(row) for test in tests)
