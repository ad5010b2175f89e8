"""Queries that are built once: Django takes longer to build and compile one than to run it.

A function with `remembered` builds a queryset of `values_list()` from its arguments, and is called
as if it returned the statement: it is compiled once for each combination of arguments and kept.
So it must read nothing else: what changes from run to run (the instant, a search) is `Given` by
name. What the person may see is taken care of: it is part of the key, and given at each run. No
schema's name is in a statement, so one serves every provider (docs/decisions/0043).

`remembered_together` compiles several querysets of `values()` into one statement, which returns
the rows of each as JSON.
"""

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import F, Func, IntegerField, Model, QuerySet

from core.given import Given
from core.scope import VISIBLE, limited_to, visible_organizations

# Statements of one function; a search text is none of its arguments.
MOST_STATEMENTS = 256
# The number of rows: a queryset, where `count()` would run a statement.
NUMBER = Func(F("pk"), function="COUNT", output_field=IntegerField())

Build = ParamSpec("Build")
Instance = TypeVar("Instance", bound=Model)


@dataclass(frozen=True, slots=True)
class Statement:
    """A compiled query. `is_limited`: for a person who may see some organizations only."""

    sql: str
    parameters: tuple[Any, ...]
    is_limited: bool
    # By place, what Django applies to a column's values.
    converters: Mapping[int, Any] = field(default_factory=dict)

    def rows(self, **given: Any) -> list[tuple[Any, ...]]:
        """Run it with the given values.

        Raises `KeyError` without one of them, and `RuntimeError` for a person with another limit.
        """
        visible = visible_organizations()
        if self.is_limited != (visible is not None):
            raise RuntimeError("The statement was built for a person who may see other rows.")
        if visible is not None:
            given[VISIBLE.name] = sorted(visible)
        with connection.cursor() as cursor:
            cursor.execute(
                self.sql,
                [given[each.name] if isinstance(each, Given) else each for each in self.parameters],
            )
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return [self._converted(row) for row in rows] if self.converters else rows

    def _converted(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        values = list(row)
        for place, (converters, expression) in self.converters.items():
            for convert in converters:
                values[place] = convert(values[place], expression, connection)
        return tuple(values)


@dataclass(frozen=True, slots=True)
class Together:
    """Several compiled queries in one statement."""

    statement: Statement
    names: tuple[str, ...]

    def rows(self, **given: Any) -> dict[str, list[dict[str, Any]]]:
        """The rows of each query by its name, each by column; an instant is a text.

        Raises as `Statement.rows`.
        """
        ((*found,),) = self.statement.rows(**given)
        return {
            name: json.loads(rows, parse_float=Decimal)
            for name, rows in zip(self.names, found, strict=True)
        }


def remembered(build: Callable[Build, QuerySet[Any, Any]]) -> Callable[Build, Statement]:
    """The compiled statement of the queryset that the function builds."""
    return _by_arguments(build, _compiled)


def remembered_together(
    build: Callable[Build, Mapping[str, QuerySet[Any, Any]]],
) -> Callable[Build, Together]:
    """The compiled statement of all querysets that the function builds, by name."""
    return _by_arguments(build, _together)


def columns_of(model: type[Model], prefix: str = "") -> list[str]:
    """The columns of a model for `values_list()`, of which `instance_of` makes an instance."""
    return [prefix + field.attname for field in model._meta.concrete_fields]


def instance_of(model: type[Instance], row: Sequence[Any]) -> Instance:
    """The instance that has these values in the columns of `columns_of`."""
    return model.from_db(DEFAULT_DB_ALIAS, columns_of(model), row)


def _by_arguments(build: Callable[Build, Any], compile_: Callable[..., Any]) -> Callable[..., Any]:
    @lru_cache(maxsize=MOST_STATEMENTS)
    def compiled(is_limited: bool, *args: Hashable, **kwargs: Hashable) -> Any:
        with limited_to(VISIBLE if is_limited else None):
            return compile_(build(*args, **kwargs), is_limited=is_limited)  # type: ignore[arg-type] # of the builder

    @wraps(build)
    def statement(*args: Any, **kwargs: Any) -> Any:
        return compiled(visible_organizations() is not None, *args, **kwargs)

    return statement


def _compiled(rows: QuerySet[Any, Any], *, is_limited: bool) -> Statement:
    compiler = rows.query.get_compiler(DEFAULT_DB_ALIAS)
    sql, parameters = compiler.as_sql()
    converters = compiler.get_converters(each for each, _, _ in compiler.select)
    return Statement(sql, tuple(parameters), is_limited, converters)


def _together(queries: Mapping[str, QuerySet[Any, Any]], *, is_limited: bool) -> Together:
    each = [_compiled(rows, is_limited=is_limited) for rows in queries.values()]
    arrays = ", ".join(
        f"(SELECT coalesce(json_agg(r), '[]')::text FROM ({one.sql}) r)"  # noqa: S608 - Django's
        for one in each
    )
    return Together(
        Statement(
            f"SELECT {arrays}",
            tuple(parameter for one in each for parameter in one.parameters),
            is_limited,
        ),
        tuple(queries),
    )
