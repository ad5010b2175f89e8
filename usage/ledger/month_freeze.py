"""Freezes a month: afterwards no event is recorded in it."""

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

# Waits for transactions that are counting; later ones wait until this transaction ends.
LOCK_LEDGER = "SELECT pg_advisory_xact_lock('usage_usageevent'::regclass::oid::bigint)"

# One statement, because round trips take most of the time of a close.
FREEZE = """
    WITH frozen AS (
        INSERT INTO usage_frozenmonth (month, last_event_id)
        VALUES (%(month)s, (SELECT max(id) FROM usage_usageevent))
    ), policy AS (
        UPDATE tenants_meteringpolicy SET closed_through = %(end)s WHERE id = 1
    )
    INSERT INTO usage_monthlyusage (organization_id, metric, month, carried_in, high_water_mark)
    SELECT c.organization_id, c.metric, %(month)s, previous.carried_in, previous.carried_in
    FROM usage_organizationcounter c
    CROSS JOIN LATERAL (
        SELECT coalesce((
            SELECT l.carried_in FROM usage_monthlyusage l
            WHERE l.organization_id = c.organization_id AND l.metric = c.metric
                AND l.month > %(month)s
            ORDER BY l.month LIMIT 1
        ), c.count) AS carried_in
    ) previous
    WHERE NOT EXISTS (
        SELECT FROM usage_monthlyusage m
        WHERE m.organization_id = c.organization_id AND m.metric = c.metric
            AND m.month = %(month)s
    )
    AND c.metric = ANY (%(metrics)s)
"""

# Clock changes are multiples of 15 minutes; two versions of tzdata differ by at most a day.
FIRST_INSTANT = """
    SELECT min(i) FROM generate_series(
        %(end)s - interval '1 day', %(end)s + interval '1 day', interval '15 minutes') i
    WHERE (i AT TIME ZONE %(zone)s) >= %(next)s::timestamp
"""


@transaction.atomic
def freeze_month(*, month: Month, zone: ZoneInfo) -> datetime:
    """Close the ledger of a month; returns the month's end, through which it is closed.

    Afterwards every organization has a row for both metrics, and new events are recorded at the
    month's end or later, even when they happened earlier. Freezing a frozen month changes nothing.
    The ledger stays locked until the surrounding transaction ends, so keep that short. Raises
    `ValueError` for a zone that is not the billing zone.
    """
    require_provider_schema()
    with connection.cursor() as cursor:
        cursor.execute(LOCK_LEDGER)
        policy = MeteringPolicy.objects.current()
        if policy.billing_time_zone != zone.key:
            raise ValueError(f"Months are billed in {policy.billing_time_zone}, not in {zone.key}.")
        end = _later_end(cursor, month=month, zone=zone)
        if policy.closed_through is not None and policy.closed_through >= end:
            return policy.closed_through
        cursor.execute(FREEZE, {"month": month.first_day, "end": end, "metrics": list(COUNTED)})
    return end


def _later_end(cursor: CursorWrapper, *, month: Month, zone: ZoneInfo) -> datetime:
    """The later of this process's and the database's end of the month.

    Governments change clocks at short notice, so the two may have different versions of tzdata. The
    database assigns events to months: if the month closed before the database's end of it, later
    events could still fall into it.
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
