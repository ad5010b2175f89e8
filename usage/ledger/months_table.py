"""A table of months by organization: high-water marks and their sums."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from core.metrics import Metric
from core.months import MONTHS_OF_A_YEAR, Month
from core.names import name_key
from core.schema import require_provider_schema
from core.scope import visible_organizations
from usage.sql import statement

MONTHS_TABLE = statement("months_table")
SORTS = ("name", "total")
_ORDERS: Final = {
    "name": "lower(name), id",
    "-name": "lower(name) DESC, id DESC",
    "total": "total, id",
    "-total": "total DESC, id",
}


@dataclass(frozen=True, slots=True)
class OrganizationMonths:
    """One organization's high-water marks in the order of the months; `total` is their sum."""

    organization_id: int
    name: str
    is_removed: bool
    high_water_marks: tuple[int, ...]
    total: int


@dataclass(frozen=True, slots=True)
class MonthsTable:
    """A page of organizations, and the sums over all matching ones by month and in total."""

    months: tuple[Month, ...]
    matching: int
    totals: tuple[int, ...]
    total: int
    rows: tuple[OrganizationMonths, ...]


def last_months(*, month: Month, count: int = MONTHS_OF_A_YEAR) -> tuple[Month, ...]:
    """`count` months up to and including `month`, oldest first."""
    return tuple(month.plus(months=-back) for back in reversed(range(count)))


def months_table(
    *,
    months: Sequence[Month],
    metric: Metric,
    search: str = "",
    sort: str = "name",
    limit: int | None = None,
    offset: int = 0,
    among: Collection[int] | None = None,
) -> MonthsTable:
    """The high-water marks of each organization that the user may see, in one statement.

    Includes removed organizations that had usage in these months, as it was billed. `search` is a
    part of the name; `sort` is one of `SORTS`, descending with a minus before it. Sums are over all
    matching organizations, regardless of `limit` and `offset`. `among` are the ids of the only ones
    to look at.
    """
    require_provider_schema()
    ids = visible_organizations()
    if among is not None:
        ids = frozenset(among) if ids is None else ids & frozenset(among)
    parameters: dict[str, Any] = {
        "months": [month.first_day for month in months],
        "metric": metric.value,
        "visible": None if ids is None else sorted(ids),
        "search": name_key(search),
        "limit": limit,
        "offset": offset,
    }
    with connection.cursor() as cursor:
        cursor.execute(MONTHS_TABLE.replace("{order}", _ORDERS[sort]), parameters)
        (matching, _, _, _, summed), *rows = cursor.fetchall()
    totals = tuple(int(total) for total in summed or [0] * len(months))
    return MonthsTable(
        months=tuple(months),
        matching=matching,
        totals=totals,
        total=sum(totals),
        rows=tuple(
            OrganizationMonths(pk, name, is_removed, tuple(high_water_marks), int(total))
            for pk, name, is_removed, total, high_water_marks in rows
        ),
    )
