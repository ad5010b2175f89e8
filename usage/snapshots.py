"""Daily snapshots: what every organization had at the end of each local day."""

import itertools
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import DatabaseError, connection, transaction
from psycopg import sql

from accounts.models import Provider
from mtp.schema import provider_schema, require_provider_schema
from usage.models import SnapshotRun
from usage.periods import Month, day_ends_at, day_starts_at, last_finished_day
from usage.replay import verify_books

log = logging.getLogger(__name__)

# Providers that share a transaction, a task and a connection. A connection keeps what it learned of
# every schema it touched (some 100 kB each), so it is closed after them.
CHUNK = 100
# How much of a longer gap one task makes up; the next hour's goes on from there.
DAYS_A_TASK = 31

# Where nothing happened since the end of the day, the present figures are those of the day; where
# something did, they are read from the log.
TAKE_SNAPSHOT = """
    WITH figures AS (
        SELECT c.organization_id, c.metric,
            CASE WHEN c.last_event_at >= %(end)s THEN
                (SELECT e.count_after FROM usage_usageevent e
                 WHERE e.organization_id = c.organization_id AND e.metric = c.metric
                    AND e.at < %(end)s
                 ORDER BY e.at DESC, e.id DESC LIMIT 1)
            ELSE c.count END AS level,
            CASE WHEN c.last_event_at >= %(end)s THEN
                greatest(
                    (SELECT e.count_after FROM usage_usageevent e
                     WHERE e.organization_id = c.organization_id AND e.metric = c.metric
                        AND e.at < %(month_start)s
                     ORDER BY e.at DESC, e.id DESC LIMIT 1),
                    (SELECT max(e.count_after) FROM usage_usageevent e
                     WHERE e.organization_id = c.organization_id AND e.metric = c.metric
                        AND e.at >= %(month_start)s AND e.at < %(end)s))
            ELSE coalesce(m.high_water_mark, c.count) END AS mark
        FROM tenants_organization o
        JOIN usage_organizationcounter c ON c.organization_id = o.id
        LEFT JOIN usage_monthlyusage m
            ON m.organization_id = o.id AND m.metric = c.metric AND m.month = %(month)s
        WHERE o.created_at < %(end)s AND (o.removed_at IS NULL OR o.removed_at >= %(start)s)
    ), taken AS (
        INSERT INTO usage_dailysnapshot (organization_id, day, users, devices,
                                         users_high_water_mark, devices_high_water_mark)
        SELECT organization_id, %(day)s,
               coalesce(max(level) FILTER (WHERE metric = 'users'), 0),
               coalesce(max(level) FILTER (WHERE metric = 'devices'), 0),
               coalesce(max(mark) FILTER (WHERE metric = 'users'), 0),
               coalesce(max(mark) FILTER (WHERE metric = 'devices'), 0)
        FROM figures
        GROUP BY organization_id
        ON CONFLICT (organization_id, day) DO NOTHING
        RETURNING organization_id
    )
    INSERT INTO usage_snapshotrun (day, started_at, finished_at, organizations, differences)
    SELECT %(day)s, %(now)s, %(now)s, count(*), 0 FROM taken
    ON CONFLICT (day) DO NOTHING
    RETURNING organizations
"""


@dataclass(frozen=True, slots=True)
class Due:
    """A provider's days that are over and have no snapshot yet, oldest first."""

    schema: str
    zone: ZoneInfo
    days: list[date]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a round over some providers did."""

    snapshots: int
    failed_schemas: list[str]
    differences: int


def take_snapshot(*, day: date, zone: ZoneInfo, now: datetime) -> int | None:
    """Record every organization of the current provider at the end of a local day.

    One statement, from the log where the day lies before later events, so a day made up for shows
    its own figures. Gives how many organizations; None when the day was recorded before, and then
    changes nothing. Raises `ValueError` for a day that is not over at `now`.
    """
    require_provider_schema()
    if day > last_finished_day(now=now, zone=zone):
        raise ValueError(f"{day} is not over in {zone.key}.")
    month = Month.of_day(day)
    with connection.cursor() as cursor:
        cursor.execute(
            TAKE_SNAPSHOT,
            {
                "day": day,
                "start": day_starts_at(day=day, zone=zone),
                "end": day_ends_at(day=day, zone=zone),
                "month": month.first_day,
                "month_start": month.starts_at(zone),
                "now": now,
            },
        )
        row = cursor.fetchone()
    return None if row is None else int(row[0])


def due_snapshots(*, providers: Sequence[Provider], now: datetime) -> list[Due]:
    """The providers that miss days, from the day of their first organization; one statement.

    At most `DAYS_A_TASK` days each, the oldest.
    """
    if not providers:
        return []
    ask = sql.SQL(" UNION ALL ").join(
        sql.SQL(
            "SELECT {schema}, (SELECT max(day) FROM {runs}), (SELECT min(created_at) FROM {there})"
        ).format(
            schema=sql.Literal(provider.schema_name),
            runs=sql.Identifier(provider.schema_name, "usage_snapshotrun"),
            there=sql.Identifier(provider.schema_name, "tenants_organization"),
        )
        for provider in providers
    )
    zones = {p.schema_name: ZoneInfo(p.billing_time_zone) for p in providers}
    with connection.cursor() as cursor:
        cursor.execute(ask)
        rows = cursor.fetchall()
    due = [
        Due(schema, zones[schema], _missing_days(last, first, zone=zones[schema], now=now))
        for schema, last, first in rows
    ]
    return [each for each in due if each.days]


def _missing_days(
    last: date | None, first: datetime | None, *, zone: ZoneInfo, now: datetime
) -> list[date]:
    if last is not None:
        start = last + timedelta(days=1)
    elif first is not None:
        start = first.astimezone(zone).date()
    else:
        return []
    count = (last_finished_day(now=now, zone=zone) - start).days + 1
    return [start + timedelta(days=n) for n in range(min(count, DAYS_A_TASK))]


def snapshot_providers(*, providers: Sequence[Provider], now: datetime) -> Outcome:
    """Take all snapshots these providers miss, in one transaction, then check their books.

    A provider whose schema refuses is logged and left for the next round; the others are done.
    """
    taken, failed, differences = 0, [], 0
    due = due_snapshots(providers=providers, now=now)
    with transaction.atomic():
        for each in due:
            try:
                taken += _take_all(each, now=now)
            except DatabaseError:
                log.exception("No snapshot of %s", each.schema)
                failed.append(each.schema)
    for each in due:
        if each.schema not in failed:
            differences += _check_books(each)
    return Outcome(snapshots=taken, failed_schemas=failed, differences=differences)


def _take_all(due: Due, *, now: datetime) -> int:
    with provider_schema(due.schema), transaction.atomic():
        return sum(take_snapshot(day=day, zone=due.zone, now=now) is not None for day in due.days)


def _check_books(due: Due) -> int:
    with provider_schema(due.schema):
        differences = verify_books()
        for difference in differences:
            log.error("Books of %s: %s", due.schema, difference)
        if differences:
            SnapshotRun.objects.filter(day=due.days[-1]).update(differences=len(differences))
    return len(differences)


def chunks(provider_ids: Iterable[int]) -> list[list[int]]:
    """Providers in the portions that share a task."""
    ids = iter(provider_ids)
    return list(iter(lambda: list(itertools.islice(ids, CHUNK)), []))
