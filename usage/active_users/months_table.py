"""Active users of many organizations and months, in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from core.months import Month
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
    "active": "now_active, id",
    "-active": "now_active DESC, id DESC",
    # Without a threshold there is the most room.
    "threshold": "mau_limit NULLS LAST, id",
    "-threshold": "mau_limit DESC NULLS FIRST, id DESC",
}


@dataclass(frozen=True, slots=True)
class OrganizationActivity:
    """One organization's active users, in the order of the months asked for."""

    organization_id: int
    name: str
    is_removed: bool
    threshold: int | None
    counts: tuple[int, ...]

    @property
    def active(self) -> int:
        """Those of the last month asked for."""
        return self.counts[-1]

    @property
    def badge(self) -> Badge:
        """How near the threshold they are; nothing is said of a removed organization."""
        if self.is_removed:
            return Badge.NONE
        return badge(users=self.active, cap=self.threshold, free_user_limit=None)


@dataclass(frozen=True, slots=True)
class ActivityTable:
    """The asked organizations, and what all that match add up to in each month."""

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
    behind: int = 0,
) -> ActivityTable:
    """Active users of each organization this person may see, of one, or of those chosen.

    Removed ones too where anybody was active in these months. `search` is part of a name, `chosen`
    one of `FILTERS`, `sort` one of `SORTS`, falling after a minus; both look at the last month.
    Sums are over all that match, whatever `limit` and `offset`; `behind` is an id, for `sort` "id".
    """
    require_provider_schema()
    ids = visible_organizations()
    asked: dict[str, Any] = {
        "months": [month.first_day for month in months],
        "month": months[-1].first_day,
        "visible": None if ids is None else sorted(ids),
        "organization": organization_id,
        "search": search,
        "filter": chosen,
        "near": NEAR,
        "limit": limit,
        "offset": offset,
        "behind": behind,
    }
    with connection.cursor() as cursor:
        cursor.execute(ACTIVE_MONTHS.replace("{order}", _ORDERS[sort]), asked)
        (matching, _, _, _, totals), *rows = cursor.fetchall()
    return ActivityTable(
        months=tuple(months),
        matching=matching,
        totals=tuple(int(total) for total in totals),
        rows=tuple(
            OrganizationActivity(pk, name, is_removed, threshold, tuple(counts))
            for pk, name, is_removed, threshold, counts in rows
        ),
    )
