"""Twelve months of many organizations: each one's high-water marks, and what they add up to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from core.metrics import Metric
from core.months import MONTHS_OF_A_YEAR, Month
from core.schema import require_provider_schema
from core.scope import visible_organizations
from usage.sql import statement

MONTH_MARKS = statement("month_marks")
SORTS = ("name", "total")
_ORDERS: Final = {
    "name": "lower(name), id",
    "-name": "lower(name) DESC, id DESC",
    "total": "total, id",
    "-total": "total DESC, id",
}


@dataclass(frozen=True, slots=True)
class OrganizationMonths:
    """One organization's marks, in the order of the months asked for; `total` is their sum."""

    organization_id: int
    name: str
    is_removed: bool
    marks: tuple[int, ...]
    total: int


@dataclass(frozen=True, slots=True)
class MonthsTable:
    """The asked organizations, and what all that match add up to, a month each and altogether."""

    months: tuple[Month, ...]
    matching: int
    totals: tuple[int, ...]
    total: int
    rows: tuple[OrganizationMonths, ...]


def last_months(*, month: Month, count: int = MONTHS_OF_A_YEAR) -> tuple[Month, ...]:
    """So many months up to `month`, in order of time."""
    return tuple(month.plus(months=-back) for back in reversed(range(count)))


def months_table(
    *,
    months: Sequence[Month],
    metric: Metric,
    search: str = "",
    sort: str = "name",
    limit: int | None = None,
    offset: int = 0,
) -> MonthsTable:
    """The high-water marks of each organization this person may see, in one statement.

    Removed ones too where they had something in these months: it was billed. `search` is part of a
    name; `sort` is one of `SORTS`, falling after a minus. Sums are over all that match, whatever
    `limit` and `offset`.
    """
    require_provider_schema()
    ids = visible_organizations()
    asked: dict[str, Any] = {
        "months": [month.first_day for month in months],
        "metric": metric.value,
        "visible": None if ids is None else sorted(ids),
        "search": search,
        "limit": limit,
        "offset": offset,
    }
    with connection.cursor() as cursor:
        cursor.execute(MONTH_MARKS.replace("{order}", _ORDERS[sort]), asked)
        (matching, _, _, _, summed), *rows = cursor.fetchall()
    totals = tuple(int(mark) for mark in summed or [0] * len(months))
    return MonthsTable(
        months=tuple(months),
        matching=matching,
        totals=totals,
        total=sum(totals),
        rows=tuple(
            OrganizationMonths(pk, name, is_removed, tuple(marks), int(of_all))
            for pk, name, is_removed, of_all, marks in rows
        ),
    )
