"""Daily snapshots: what every organization had at the end of each local day."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, LiteralString
from zoneinfo import ZoneInfo

from django.db import DatabaseError, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from accounts.models import Provider
from core.months import Month, day_ends_at, day_starts_at, last_finished_day
from core.schema import connection, provider_schema
from usage.ledger.difference_alert import report_ledger_differences
from usage.ledger.verify import verify_ledger
from usage.models import SnapshotRun
from usage.sql import statement

log = logging.getLogger(__name__)

TAKE_UNCHANGED, TAKE_CHANGED = statement("take_unchanged"), statement("take_changed")

# How much of a longer gap one task makes up; the next hour's goes on from there.
DAYS_PER_TASK = 31


@dataclass(frozen=True, slots=True)
class Due:
    """A provider's days that are over and have no snapshot yet, oldest first."""

    provider: Provider
    days: list[date]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a round over some providers did; failed are those without snapshot or check."""

    snapshots: int
    failed_schemas: list[str]
    differences: int


def take_snapshots(*, due: Sequence[Due], now: datetime) -> int:
    """Record every organization of these providers at the end of the days that are due.

    One statement for each provider and day, all sent together in one transaction: the way there
    and back would cost as much as the work. From the log where something happened since a day, so
    one made up for shows its own figures. Gives how many days were recorded; one that was before is
    left as it is. Raises `ValueError` for a day that is not over at `now`.
    """
    days = [(each, day) for each in due for day in each.days]
    if not days:
        return 0
    taken = 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_script(cursor, days, now=now))
        # The script bound schemas by itself: what the connection believes to be bound is not.
        connection.set_tenant(connection.tenant)
        for each, day in days:
            cursor.nextset()  # that of SET LOCAL
            run_id, changed_since = cursor.fetchone()
            cursor.nextset()
            if run_id is not None and changed_since:
                with provider_schema(each.provider), connection.cursor() as own:
                    own.execute(TAKE_CHANGED, _instants(each, day, now) | {"run_id": run_id})
            taken += run_id is not None
    return taken


def _script(cursor: CursorWrapper, days: list[tuple[Due, date]], *, now: datetime) -> str:
    return ";\n".join(
        statement
        for each, day in days
        for statement in (
            f"SET LOCAL search_path TO {connection.ops.quote_name(each.provider.schema_name)}",
            cursor.mogrify(TAKE_UNCHANGED, _instants(each, day, now)),
        )
    )


def _instants(due: Due, day: date, now: datetime) -> dict[str, date]:
    if day > last_finished_day(now=now, zone=due.provider.billing_zone()):
        raise ValueError(f"{day} is not over in {due.provider.billing_zone().key}.")
    month = Month.of_day(day)
    return {
        "day": day,
        "start": day_starts_at(day=day, zone=due.provider.billing_zone()),
        "end": day_ends_at(day=day, zone=due.provider.billing_zone()),
        "month": month.first_day,
        "month_start": month.starts_at(due.provider.billing_zone()),
        "now": now,
    }


def due_snapshots(*, providers: Sequence[Provider], now: datetime) -> list[Due]:
    """The providers that miss days, from the day of their first organization on.

    At most `DAYS_PER_TASK` days each, the oldest.
    """
    last = _ask_each(providers, "SELECT max(day) FROM", "usage_snapshotrun")
    fresh = [provider for provider in providers if last[provider.schema_name] is None]
    first = _ask_each(fresh, "SELECT min(created_at) FROM", "tenants_organization")
    due = []
    for provider in providers:
        schema, zone = provider.schema_name, provider.billing_zone()
        days = _missing_days(last[schema], first.get(schema), zone=zone, now=now)
        if days:
            due.append(Due(provider, days))
    return due


def _ask_each(providers: Sequence[Provider], question: LiteralString, table: str) -> dict[str, Any]:
    """One value from a table of every provider, in one statement."""
    if not providers:
        return {}
    ask = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {}, (" + question + " {})").format(
            sql.Literal(provider.schema_name), sql.Identifier(provider.schema_name, table)
        )
        for provider in providers
    )
    with connection.cursor() as cursor:
        cursor.execute(ask)
        return dict(cursor.fetchall())


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
    return [start + timedelta(days=n) for n in range(min(count, DAYS_PER_TASK))]


def snapshot_providers(*, providers: Sequence[Provider], now: datetime) -> Outcome:
    """Take all snapshots these providers miss, then check their books.

    All in one transaction, and in one for each provider when any of them fails: that one is logged
    and left for the next round.
    """
    due = due_snapshots(providers=providers, now=now)
    try:
        taken = take_snapshots(due=due, now=now)
        failed: list[str] = []
    except DatabaseError:
        log.warning("A snapshot failed: each of %s providers by itself", len(due))
        taken, failed = _take_one_by_one(due, now=now)
    # Of those that failed too: wrong books may be why.
    differences = {each.provider.schema_name: _check_ledger(each, now=now) for each in due}
    unchecked = {schema for schema, found in differences.items() if found is None}
    return Outcome(
        snapshots=taken,
        failed_schemas=sorted(unchecked.union(failed)),
        differences=sum(found or 0 for found in differences.values()),
    )


def _take_one_by_one(due: Sequence[Due], *, now: datetime) -> tuple[int, list[str]]:
    taken = 0
    failed: list[str] = []
    for each in due:
        try:
            taken += take_snapshots(due=[each], now=now)
        except DatabaseError:
            log.exception("No snapshot of %s", each.provider.schema_name)
            failed.append(each.provider.schema_name)
    return taken, failed


def _check_ledger(due: Due, *, now: datetime) -> int | None:
    """How many differences there are, None when nobody could look. An alert tells them, and nothing
    is repaired.
    """
    try:
        with provider_schema(due.provider), transaction.atomic():
            differences = verify_ledger()
            for difference in differences:
                log.error("Books of %s: %s", due.provider.schema_name, difference)
            if differences:
                SnapshotRun.objects.filter(day=due.days[-1]).update(differences=len(differences))
            report_ledger_differences(differences=differences, now=now)
    except DatabaseError:
        log.exception(
            "The books of %s could not be checked; tomorrow again.", due.provider.schema_name
        )
        return None
    return len(differences)
