"""Freezing a month: after it nothing is ever counted in that month again."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from mtp.schema import require_provider_schema
from tenants.models import MeteringPolicy
from usage.models import Metric
from usage.periods import Month

# Waits for whoever is counting, and holds off whoever comes next until the transaction ends.
LOCK_BOOKS = "SELECT pg_advisory_xact_lock('usage_usageevent'::regclass::oid::bigint)"

FILL_MONTH = """
    INSERT INTO usage_monthlyusage (organization_id, metric, month, carried_in, high_water_mark)
    SELECT c.organization_id, c.metric, %(month)s, level.carried_in, level.carried_in
    FROM usage_organizationcounter c
    CROSS JOIN LATERAL (
        SELECT coalesce((
            SELECT l.carried_in FROM usage_monthlyusage l
            WHERE l.organization_id = c.organization_id AND l.metric = c.metric
                AND l.month > %(month)s
            ORDER BY l.month LIMIT 1
        ), c.count) AS carried_in
    ) level
    WHERE NOT EXISTS (
        SELECT FROM usage_monthlyusage m
        WHERE m.organization_id = c.organization_id AND m.metric = c.metric
            AND m.month = %(month)s
    )
    AND c.metric = ANY (%(metrics)s)
"""

LOCAL_MONTHS = """
    SELECT to_char((%(end)s - interval '1 microsecond') AT TIME ZONE %(zone)s, 'YYYY-MM'),
           to_char(%(end)s AT TIME ZONE %(zone)s, 'YYYY-MM')
"""


class ZonesDisagree(RuntimeError):
    """This process and the database know different rules for the billing time zone."""


@transaction.atomic
def freeze_month(*, month: Month, zone: ZoneInfo) -> datetime:
    """Close the books of a month; gives the instant they are closed through, the month's end.

    Every organization has a row of both metrics afterwards. Events recorded from then on lie at the
    month's end or later, whatever their rows say. Freezing a frozen month changes nothing. The lock
    is held until the surrounding transaction ends, so that one should be short. Raises `ValueError`
    for a zone that is not the billing zone, and `ZonesDisagree` when the time zone tables of this
    process and of the database differ about the month's end.
    """
    require_provider_schema()
    end = month.ends_at(zone)
    with connection.cursor() as cursor:
        cursor.execute(LOCK_BOOKS)
        policy = MeteringPolicy.objects.get()
        if policy.billing_time_zone != zone.key:
            raise ValueError(f"Months are billed in {policy.billing_time_zone}, not in {zone.key}.")
        if policy.closed_through is not None and policy.closed_through >= end:
            return policy.closed_through
        cursor.execute(LOCAL_MONTHS, {"end": end, "zone": zone.key})
        if cursor.fetchone() != (str(month), str(month.next)):
            raise ZonesDisagree(f"{month} of {zone.key} does not end at {end} in the database.")
        cursor.execute(FILL_MONTH, {"month": month.first_day, "metrics": Metric.values})
    policy.closed_through = end
    policy.save(update_fields=["closed_through"])
    return end
