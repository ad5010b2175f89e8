"""Daily snapshots of every organization's counts at the end of each local day."""

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
from accounts.rounds import Look, report_round, scheduled_round
from core.months import Month, day_ends_at, day_starts_at, last_finished_day
from core.schema import connection, provider_schema
from core.telemetry.counters import SNAPSHOTS
from usage.ledger.difference_alert import report_ledger_differences
from usage.ledger.verify import verify_ledger
from usage.models import SnapshotRun
from usage.sql import statement

log = logging.getLogger(__name__)

SNAPSHOT = scheduled_round(
    "snapshots",
    title="Taking snapshots and verifying the ledger",
    again="The next hour tries again.",
)
SNAPSHOT_UNCHANGED = statement("snapshot_unchanged")
SNAPSHOT_CHANGED = statement("snapshot_changed")

# After a longer gap, the next hourly task continues.
DAYS_PER_TASK = 31


class SnapshotFailed(RuntimeError):
    """A provider lacks a snapshot or its check; the log says why."""


@dataclass(frozen=True, slots=True)
class Due:
    """A provider's finished days without a snapshot, oldest first."""

    provider: Provider
    days: list[date]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Snapshots taken for several providers; `failed_schemas` lack a snapshot or its check.

    `again_at` says for each of the other providers, by its id, when the next one is due.
    """

    snapshots: int
    again_at: dict[int, datetime | None]
    failed_schemas: list[str]
    differences: int


def take_snapshots(*, due: Sequence[Due], now: datetime) -> int:
    """Record every organization of these providers at the end of their due days.

    Sends one statement for each provider and day, all in one message and one transaction: separate
    round trips would cost as much as the work. Organizations that changed after the day are read
    from the events, so a late snapshot has the values of its day. Returns the number of days that
    were recorded; existing snapshots are left unchanged. Raises `ValueError` for a day that is not
    over at `now`.
    """
    days = [(each, day) for each in due for day in each.days]
    if not days:
        return 0
    taken = 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_script(cursor, days, now=now))
        # The script changed the search path without the connection's knowledge: bind it again.
        connection.set_tenant(connection.tenant)
        for each, day in days:
            cursor.nextset()  # skips the result of SET LOCAL
            run_id, changed_since = cursor.fetchone()
            cursor.nextset()
            if run_id is not None and changed_since:
                with provider_schema(each.provider), connection.cursor() as own:
                    own.execute(SNAPSHOT_CHANGED, _instants(each, day, now) | {"run_id": run_id})
            taken += run_id is not None
    return taken


def _script(cursor: CursorWrapper, days: list[tuple[Due, date]], *, now: datetime) -> str:
    return ";\n".join(
        statement
        for each, day in days
        for statement in (
            f"SET LOCAL search_path TO {connection.ops.quote_name(each.provider.schema_name)}",
            cursor.mogrify(SNAPSHOT_UNCHANGED, _instants(each, day, now)),
        )
    )


def _instants(due: Due, day: date, now: datetime) -> dict[str, date]:
    zone, month = due.provider.billing_zone(), Month.of_day(day)
    if day > last_finished_day(now=now, zone=zone):
        raise ValueError(f"{day} is not over in {zone.key}.")
    return {
        "day": day,
        "start": day_starts_at(day=day, zone=zone),
        "end": day_ends_at(day=day, zone=zone),
        "month": month.first_day,
        "month_start": month.starts_at(zone),
        "now": now,
    }


def due_snapshots(*, providers: Sequence[Provider], now: datetime) -> list[Due]:
    """The missing days of each provider, from the day of its first organization.

    At most the oldest `DAYS_PER_TASK` days each; providers without missing days are left out.
    """
    last = _select_from_each(providers, "SELECT max(day) FROM", "usage_snapshotrun")
    without = [provider for provider in providers if last[provider.schema_name] is None]
    first = _select_from_each(without, "SELECT min(created_at) FROM", "tenants_organization")
    due = []
    for provider in providers:
        schema, zone = provider.schema_name, provider.billing_zone()
        days = _missing_days(last[schema], first.get(schema), zone=zone, now=now)
        if days:
            due.append(Due(provider, days))
    return due


def _select_from_each(
    providers: Sequence[Provider], select: LiteralString, table: str
) -> dict[str, Any]:
    """The value that `select` reads from a table of every provider, by schema; one statement."""
    if not providers:
        return {}
    union = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {}, (" + select + " {})").format(
            sql.Literal(provider.schema_name), sql.Identifier(provider.schema_name, table)
        )
        for provider in providers
    )
    with connection.cursor() as cursor:
        cursor.execute(union)
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
    """Take the missing snapshots of these providers, then verify their ledgers.

    Runs in one transaction for all; if that fails, in one for each provider. A provider that fails
    is logged and left to the next hourly task.
    """
    due = due_snapshots(providers=providers, now=now)
    try:
        taken = take_snapshots(due=due, now=now)
        failed: dict[str, BaseException] = {}
    except DatabaseError:
        log.warning("A snapshot failed: retrying each of %s providers alone", len(due))
        taken, failed = _take_one_by_one(due, now=now)
    SNAPSHOTS.inc(taken)
    # Also for failed providers: a wrong ledger may be the cause.
    differences = 0
    for each in due:
        try:
            differences += _verify(each, now=now)
        except DatabaseError as error:
            schema = each.provider.schema_name
            log.exception("The usage ledger of %s could not be verified", schema)
            failed[schema] = error
    worked = {each.provider.schema_name for each in due} - failed.keys()
    report_round(SNAPSHOT, failed=failed, worked=worked, now=now)
    unfinished = {each.provider.pk for each in due if len(each.days) == DAYS_PER_TASK}
    return Outcome(
        snapshots=taken,
        again_at={
            provider.pk: now if provider.pk in unfinished else _today_ends_at(provider, now=now)
            for provider in providers
            if provider.schema_name not in failed
        },
        failed_schemas=sorted(failed),
        differences=differences,
    )


def look_at_snapshots(provider: Provider, now: datetime) -> Look:
    """As `snapshot_providers`, for one. Raises `SnapshotFailed`."""
    outcome = snapshot_providers(providers=[provider], now=now)
    if outcome.failed_schemas:
        raise SnapshotFailed(provider.schema_name)
    return Look(has_changed=outcome.snapshots > 0, again_at=outcome.again_at[provider.pk])


def _today_ends_at(provider: Provider, *, now: datetime) -> datetime:
    zone = provider.billing_zone()
    return day_ends_at(day=now.astimezone(zone).date(), zone=zone)


def _take_one_by_one(due: Sequence[Due], *, now: datetime) -> tuple[int, dict[str, BaseException]]:
    taken = 0
    failed: dict[str, BaseException] = {}
    for each in due:
        try:
            taken += take_snapshots(due=[each], now=now)
        except DatabaseError as error:
            log.exception("No snapshot of %s", each.provider.schema_name)
            failed[each.provider.schema_name] = error
    return taken, failed


def _verify(due: Due, *, now: datetime) -> int:
    """Verify the provider's ledger and update its alert; returns the number of differences.

    Repairs nothing.
    """
    with provider_schema(due.provider), transaction.atomic():
        differences = verify_ledger()
        for difference in differences:
            log.error("Usage ledger of %s: %s", due.provider.schema_name, difference)
        if differences:
            SnapshotRun.objects.filter(day=due.days[-1]).update(differences=len(differences))
        report_ledger_differences(differences=differences, now=now)
    return len(differences)
