"""What a closed month is billed by: each organization's peaks, with the events that made them."""

from django.db import connection

from billing.rating import BilledMetric, Level, Peak
from usage.levels import LEVELS
from usage.models import Metric
from usage.periods import Month

# One statement for all of it: a close is mostly round trips.
EXPLAINED = f"""
    SELECT level.organization_id, o.name, level.metric, level.high_water_mark,
           level.peak_event_id, level.peak_at, e.count_after - e.delta,
           coalesce(e.subject_name, ''), coalesce(e.actor_name, '')
    FROM ({LEVELS}) AS level
        (organization_id, metric, carried_in, high_water_mark, peak_at, peak_event_id)
    JOIN tenants_organization o ON o.id = level.organization_id
    LEFT JOIN usage_usageevent e ON e.id = level.peak_event_id
    WHERE level.high_water_mark > 0
"""  # noqa: S608 - joined from constants


# The peak of active users is the instant when the last of them was first seen.
ACTIVE = """
    SELECT a.organization_id, o.name, 'mau', count(*), max(a.first_seen_at)
    FROM usage_activeuser a JOIN tenants_organization o ON o.id = a.organization_id
    WHERE a.month = %(month)s
    GROUP BY a.organization_id, o.name
"""


def month_levels(*, month: Month, metric: BilledMetric | None = None) -> list[Level]:
    """Both metrics' high-water marks of a frozen month, of organizations that had any.

    Where `metric` is that of active users, how many each had instead.

    By the one rule of reading months (`usage.levels`), so also of a month closed out of turn. A
    peak without an event was carried in.
    """
    with connection.cursor() as cursor:
        if metric is BilledMetric.MAU:
            cursor.execute(ACTIVE, {"month": month.first_day})
            return [
                Level(organization_id, name, metric_name, count, Peak(at=latest_at))
                for organization_id, name, metric_name, count, latest_at in cursor.fetchall()
            ]
        cursor.execute(EXPLAINED, {"month": month.first_day, "metrics": Metric.values})
        return [
            Level(organization_id, name, metric, high_water_mark, Peak(*peak))
            for organization_id, name, metric, high_water_mark, *peak in cursor.fetchall()
        ]
