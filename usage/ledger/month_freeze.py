"""Freezing a month: after it nothing is ever counted in that month again."""

import logging
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from core.metrics import COUNTED
from core.months import Month
from core.schema import require_provider_schema
from tenants.models import MeteringPolicy

log = logging.getLogger(__name__)

# Waits for whoever is counting, and holds off whoever comes next until the transaction ends.
LOCK_LEDGER = "SELECT pg_advisory_xact_lock('usage_usageevent'::regclass::oid::bigint)"

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

# Clocks are set by quarters of an hour; no two tables of rules differ by more than a day.
FIRST_INSTANT = """
    SELECT min(i) FROM generate_series(
        %(end)s - interval '1 day', %(end)s + interval '1 day', interval '15 minutes') i
    WHERE (i AT TIME ZONE %(zone)s) >= %(next)s::timestamp
"""


@transaction.atomic
def freeze_month(*, month: Month, zone: ZoneInfo) -> datetime:
    """Close the books of a month; gives the instant they are closed through, the month's end.

    Every organization has a row of both metrics afterwards. Events recorded from then on lie at the
    month's end or later, whatever their rows say. Freezing a frozen month changes nothing. The lock
    is held until the surrounding transaction ends, so that one should be short. Raises `ValueError`
    for a zone that is not the billing zone.
    """
    require_provider_schema()
    with connection.cursor() as cursor:
        cursor.execute(LOCK_LEDGER)
        policy = MeteringPolicy.objects.current()
        if policy.billing_time_zone != zone.key:
            raise ValueError(f"Months are billed in {policy.billing_time_zone}, not in {zone.key}.")
        end = _end_for_both(cursor, month=month, zone=zone)
        if policy.closed_through is not None and policy.closed_through >= end:
            return policy.closed_through
        cursor.execute(FILL_MONTH, {"month": month.first_day, "metrics": list(COUNTED)})
    policy.closed_through = end
    policy.save(update_fields=["closed_through"])
    return end


def _end_for_both(cursor: CursorWrapper, *, month: Month, zone: ZoneInfo) -> datetime:
    """The later of this process's and the database's end of the month.

    Governments change clocks at short notice, and the two may know rules of different years. The
    database decided in which month each event lies: closed before its end, it would add to it.
    """
    end = month.ends_at(zone)
    cursor.execute(FIRST_INSTANT, {"end": end, "zone": zone.key, "next": month.next.first_day})
    of_database: datetime = cursor.fetchone()[0]
    if of_database != end:
        log.warning(
            "%s of %s ends at %s by this process and at %s by the database: update tzdata.",
            month, zone.key, end, of_database,
        )  # fmt: skip
    return max(end, of_database)
