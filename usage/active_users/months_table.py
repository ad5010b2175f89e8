"""A table of months by organization: active users and their sums."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from core.months import Month
from core.names import name_key
from core.schema import require_provider_schema
from core.scope import visible_organizations
from usage.cap_badges import NEAR, Badge, badge
from usage.sql import statement

ACTIVE_MONTHS = statement("active_months")
SORTS = ("name", "threshold", "active")
FILTERS = ("reached", "near", "limited", "unlimited")
_ORDERS: Final = {
    "id": "id",
    "name": "lower(name), id",
    "-name": "lower(name) DESC, id DESC",
    "active": "active, id",
    "-active": "active DESC, id DESC",
    # No limit sorts as the highest one.
    "threshold": "mau_limit NULLS LAST, id",
    "-threshold": "mau_limit DESC NULLS FIRST, id DESC",
}


@dataclass(frozen=True, slots=True)
class OrganizationActivity:
    """One organization's active users, in the order of the months."""

    organization_id: int
    name: str
    is_removed: bool
    mau_limit: int | None
    counts: tuple[int, ...]

    @property
    def active(self) -> int:
        """The active users of the last month."""
        return self.counts[-1]

    @property
    def badge(self) -> Badge:
        """The distance from the limit; none for a removed organization."""
        if self.is_removed:
            return Badge.NONE
        return badge(users=self.active, cap=self.mau_limit, free_user_limit=None)


@dataclass(frozen=True, slots=True)
class ActivityTable:
    """A page of organizations, and the sums over all matching ones by month."""

    months: tuple[Month, ...]
    matching: int
    totals: tuple[int, ...]
    rows: tuple[OrganizationActivity, ...]


def activity_table(
    *,
    months: Sequence[Month],
    organization_id: int | None = None,
    search: str = "",
    chosen: str = "",
    sort: str = "name",
    limit: int | None = None,
    offset: int = 0,
    after: int = 0,
) -> ActivityTable:
    """Active users of each organization that the user may see, or of one, in one statement.

    Includes removed organizations with active users in these months. `search` is a part of the
    name, `chosen` one of `FILTERS`, `sort` one of `SORTS`, descending with a minus before it; both
    use the last month. Sums are over all matching organizations, regardless of `limit` and
    `offset`. With `sort` "id", the page begins after the id `after`.
    """
    require_provider_schema()
    ids = visible_organizations()
    parameters: dict[str, Any] = {
        "months": [month.first_day for month in months],
        "month": months[-1].first_day,
        "visible": None if ids is None else sorted(ids),
        "organization": organization_id,
        "search": name_key(search),
        "filter": chosen,
        "near": NEAR,
        "limit": limit,
        "offset": offset,
        "after": after,
    }
    with connection.cursor() as cursor:
        cursor.execute(ACTIVE_MONTHS.replace("{order}", _ORDERS[sort]), parameters)
        (matching, _, _, _, totals), *rows = cursor.fetchall()
    return ActivityTable(
        months=tuple(months),
        matching=matching,
        totals=tuple(int(total) for total in totals),
        rows=tuple(
            OrganizationActivity(pk, name, is_removed, mau_limit, tuple(counts))
            for pk, name, is_removed, mau_limit, counts in rows
        ),
    )
