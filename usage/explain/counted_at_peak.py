"""Who was counted at the instant of a month's peak, by the names the log has of then."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection

from core.metrics import Metric
from core.schema import require_provider_schema
from usage.explain.peaks import RULES_DIFFER, Explanation
from usage.sql import statement

COUNTED = statement("counted_at")
SORTS = ("name", "added")
_ORDERS: Final = {
    "name": "lower(subject_name), id",
    "-name": "lower(subject_name) DESC, id DESC",
    "added": "id",
    "-added": "id DESC",
}
# The person's name and a removal since are of today: the log knows only what was typed then.
_TODAY: Final = {
    Metric.USERS: "SELECT name, removed_at FROM tenants_manageduser",
    Metric.DEVICES: "SELECT serial_number AS name, removed_at FROM tenants_device",
}


@dataclass(frozen=True, slots=True)
class Counted:
    """One user or device that was counted.

    `name` is of then, `detail` of today: a user's own name, a device's serial number.
    `removed_at` is when the row says that it left since. Before `added_at` of the peak, the removal
    was entered later, when the month was closed already.
    """

    subject_id: int
    name: str
    added_at: datetime
    added_by: str
    via: str
    detail: str
    removed_at: datetime | None


def counted_at_peak(
    *,
    explanation: Explanation,
    search: str = "",
    sort: str = "-added",
    limit: int | None = None,
    offset: int = 0,
) -> tuple[list[Counted], int]:
    """Those counted at the instant of the peak whose name has `search` in it, and how many.

    In one statement. The number is 0 when `offset` lies behind the last one. `sort` is one of
    `SORTS`, falling after a minus.
    """
    require_provider_schema()
    event = explanation.peak.event
    asked: dict[str, Any] = {
        "organization_id": explanation.organization_id,
        "metric": explanation.metric.value,
        # Right after the addition that made the peak; right before the month when carried in.
        "at": event.at if event else explanation.starts_at + RULES_DIFFER,
        "id": event.event_id + 1 if event else 0,
        "before_day": None if event else explanation.month.first_day,
        "zone": explanation.zone.key,
        "search": search,
        "limit": limit,
        "offset": offset,
    }
    order = _ORDERS[sort]
    listed = COUNTED.format(
        order_of_all=order,
        order=order.replace("subject_name", "e.subject_name").replace("id", "e.id"),
        today=_TODAY[explanation.metric],
    )
    with connection.cursor() as cursor:
        cursor.execute(listed, asked)
        rows = cursor.fetchall()
    counted = [
        Counted(subject_id, name, added_at, added_by, via, detail or "", removed_at)
        for subject_id, name, added_at, added_by, via, detail, removed_at, _ in rows
    ]
    return counted, rows[0][7] if rows else 0
