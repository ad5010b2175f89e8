"""The users or devices counted at a month's peak."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

from core.addresses import search_key
from core.metrics import Metric
from core.schema import require_provider_schema
from usage.explain.peaks import EVENTS_AT_INSTANT, RULES_DIFFER, Explanation
from usage.sql import statement

COUNTED_AT_PEAK = statement("counted_at_peak")
SORTS = ("name", "added")
_ORDERS: Final = {
    "name": "lower(subject.name), {event}.id",
    "-name": "lower(subject.name) DESC, {event}.id DESC",
    "added": "{event}.id",
    "-added": "{event}.id DESC",
}
_SUBJECTS: Final = {
    Metric.USERS: "(SELECT id, email AS name, name AS detail, removed_at,"
    " coalesce(nullif(address_key, ''), lower(email)) AS key"
    " FROM tenants_manageduser) subject",
    Metric.DEVICES: "(SELECT id, name, lower(name) AS key, serial_number AS detail, removed_at"
    " FROM tenants_device) subject",
}


@dataclass(frozen=True, slots=True)
class Counted:
    """One user or device that was counted.

    `name` is a user's present e-mail address, or "Erased user #id", or a device's name; `detail` is
    a user's name or a device's serial number. `removed_at` is a removal since; when it is before
    the peak, it was reported late, after the month was closed.
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
    """The users or devices counted at the peak whose name contains `search`, and their number.

    One statement. The number is 0 when `offset` is beyond the last one. `sort` is one of `SORTS`,
    descending with a minus before it.
    """
    require_provider_schema()
    event = explanation.peak.event
    is_from_first_day = event is None and explanation.is_counted_whole
    margin = RULES_DIFFER if is_from_first_day else timedelta(0)
    parameters: dict[str, Any] = {
        "organization_id": explanation.organization_id,
        "metric": explanation.metric.value,
        # Right after the addition that made the peak, or right before a month that carried it in.
        "at": event.at if event else explanation.starts_at + margin,
        "id": event.event_id + 1 if event else 0,
        "before_day": explanation.month.first_day if is_from_first_day else None,
        "zone": explanation.zone.key,
        "first_day": explanation.month.first_day,
        "search": search_key(search) if explanation.metric == Metric.USERS else search.lower(),
        "limit": limit,
        "offset": offset,
    }
    order = _ORDERS[sort]
    sql = COUNTED_AT_PEAK.format(
        order_of_all=order.format(event="counted"),
        order=order.format(event="e"),
        subjects=_SUBJECTS[explanation.metric],
        events=EVENTS_AT_INSTANT.format(recorded_in="at <= %(at)s"),
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows = cursor.fetchall()
    return [Counted(*row[:7]) for row in rows], rows[0][7] if rows else 0
