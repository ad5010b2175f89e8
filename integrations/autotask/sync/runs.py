"""Sync runs: requested nightly or by a person, worked on in slices until all is checked."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import transaction

from accounts.providers import current_provider
from core.actors import Actor
from core.encryption import SecretsUnreadable
from core.months import Month, last_finished_day
from core.outbox.delivery import enqueue
from core.outbox.lanes import Lane
from core.outbox.topics import Payload, Postpone, handler
from core.postgresql.addresses import own_session
from core.schema import connection
from core.telemetry.counters import PSA_RUNS
from integrations.autotask.api.client import Client
from integrations.autotask.api.errors import (
    AutotaskError,
    Busy,
    PermissionMissing,
    SignInRefused,
    UnknownUser,
)
from integrations.autotask.claims import claim_only, database_of
from integrations.autotask.connection import open_client
from integrations.autotask.sync.sync_month import (
    MonthSync,
    Slice,
    settle_unresolved_pushes,
    sync_month,
)
from integrations.choices import DatePolicy
from integrations.models import AutotaskConnection, ServiceMapping, SyncRun
from tenants import audit
from usage.models import SnapshotRun

TOPIC = "integrations.autotask_run"
# With the calls under way at its end, far below the lease that the outbox gives a message.
SLICE_SECONDS = 60.0
RETRY_AFTER = timedelta(minutes=5)
SOON = timedelta(seconds=30)
# Longer runs are given up; the next night's run checks everything again.
LONGEST_RUN = timedelta(hours=8)
LOCK = "'integrations_syncrun'::regclass::oid::bigint"


class CannotRun(Exception):
    """Autotask is not connected, or the sync is paused. The message says which."""


@transaction.atomic
def request_run(
    *, kind: SyncRun.Kind, actor: Actor, now: datetime, mapping: ServiceMapping | None = None
) -> SyncRun:
    """Request a run of all services, or of one, for a person. Raises `CannotRun`."""
    settings = AutotaskConnection.objects.current()
    if settings is None or not settings.is_connected:
        raise CannotRun("Autotask is not connected.")
    if kind != SyncRun.Kind.PREVIEW and settings.paused_at is not None:
        raise CannotRun("The sync is paused. Resume it first.")
    run = SyncRun.objects.create(
        kind=kind,
        day=last_finished_day(now=now, zone=current_provider().billing_zone()),
        mapping=mapping,
        requested_by_name=actor.name,
        created_at=now,
    )
    audit.record(
        actor=actor,
        action=f"autotask.{kind}_run_requested",
        subject=str(settings),
        subject_id=run.pk,
        organization=mapping.organization_id if mapping else None,
        now=now,
    )
    _enqueue(run, now=now)
    return run


@transaction.atomic
def request_nightly_run(*, now: datetime) -> SyncRun | None:
    """Request the current provider's nightly run after the day's snapshot; None if not due.

    There is one per day of the billing zone. An unfinished earlier nightly run ends.
    """
    settings = AutotaskConnection.objects.select_for_update().filter(pk=1).first()
    day = last_finished_day(now=now, zone=current_provider().billing_zone())
    if settings is None or not settings.is_syncing:
        return None
    if not SnapshotRun.objects.filter(day=day, finished_at__isnull=False).exists():
        return None
    nightly = SyncRun.objects.filter(kind=SyncRun.Kind.NIGHTLY)
    if nightly.filter(day__gte=day).exists():
        return None
    for older in nightly.filter(finished_at=None):
        _finish(older, now=now, failure="The next night's run took over.")
    run = SyncRun.objects.create(kind=SyncRun.Kind.NIGHTLY, day=day, created_at=now)
    _enqueue(run, now=now)
    return run


@handler(TOPIC, lane=Lane.PSA, longest_wait=LONGEST_RUN + RETRY_AFTER)
def work_on_run(payload: Payload, now: datetime) -> None:
    """Work on a slice of a run. Raises `Postpone` until the run is finished."""
    again_at = run_slice(run_id=payload["run"], now=now)
    if again_at is not None:
        raise Postpone(again_at)


@own_session()
def run_slice(*, run_id: int, now: datetime, seconds: float = SLICE_SECONDS) -> datetime | None:
    """Work on a run for `seconds`; return when to continue, None once it is finished.

    One worker at a time works on a provider's runs. An error that only a person can correct ends
    the run, with the reason in its `failure`.
    """
    with _lock() as is_ours:
        run = SyncRun.objects.get(pk=run_id)
        if run.finished_at is not None:
            return None
        if not is_ours:
            return now + SOON
        settings = AutotaskConnection.objects.current()
        if settings is None or not settings.is_connected:
            _finish(run, now=now, failure="Autotask is not connected any more.")
            return None
        if run.may_push and settings.paused_at:
            _finish(run, now=now, failure="The sync was paused.")
            return None
        return _work(run, settings, now=now, seconds=seconds)


def _work(
    run: SyncRun, settings: AutotaskConnection, *, now: datetime, seconds: float
) -> datetime | None:
    began = time.monotonic()
    client: Client | None = None
    try:
        with open_client(settings) as client:
            part = Slice(
                run=run,
                client=client,
                zone=current_provider().billing_zone(),
                policy=DatePolicy(settings.date_policy),
                now=now,
                ends_at=began + seconds,
            )
            _sync(part)
    except (SignInRefused, UnknownUser, PermissionMissing, SecretsUnreadable) as error:
        AutotaskConnection.objects.filter(pk=1).update(problem=str(error))
        _count(run, client, began=began)
        _finish(run, now=now, failure=str(error))
        return None
    except AutotaskError as error:
        _count(run, client, began=began)
        wait = error.wait if isinstance(error, Busy) else RETRY_AFTER
        return _retry_or_give_up(run, now=now, at=now + wait, reason=str(error))
    AutotaskConnection.objects.filter(pk=1).exclude(problem="").update(problem="")
    _count(run, client, began=began)
    if part.was_cut:
        return now
    if part.retries:
        at = max(min(part.retries), now + SOON)
        reason = "Not every service could be settled."
        return _retry_or_give_up(run, now=now, at=at, reason=reason)
    _finish(run, now=now)
    return None


def _sync(part: Slice) -> None:
    current = Month.of(part.now, part.zone)
    months = [MonthSync.of(part, month) for month in (current.previous, current)]
    if not part.run.slices:
        part.run.services = sum(len(month.due()) for month in months)
    part.taken = claim_only(
        database=database_of(part.client),
        services=ServiceMapping.objects.living().values_list("contract_service_id", flat=True),
        now=part.now,
    )
    settle_unresolved_pushes(part)
    for month in months:
        sync_month(month)


def _retry_or_give_up(run: SyncRun, *, now: datetime, at: datetime, reason: str) -> datetime | None:
    if at - run.created_at < LONGEST_RUN:
        return at
    hours = LONGEST_RUN.seconds // 3600
    _finish(run, now=now, failure=f"Given up after {hours} hours. {reason}")
    return None


def _count(run: SyncRun, client: Client | None, *, began: float) -> None:
    """Add the slice's calls and milliseconds to the run, and store the zone that answered."""
    run.calls += client.calls if client else 0
    run.worked_ms += int((time.monotonic() - began) * 1000)
    run.slices += 1
    run.save(update_fields=["calls", "worked_ms", "slices", "services"])
    if client is not None and client.known_zone is not None:
        zone = client.known_zone
        AutotaskConnection.objects.filter(pk=1).exclude(zone_url=zone.api_url).update(
            zone_url=zone.api_url, zone_name=zone.name, web_url=zone.web_url
        )


def _finish(run: SyncRun, *, now: datetime, failure: str = "") -> None:
    run.finished_at, run.failure = now, failure
    run.save(update_fields=["finished_at", "failure"])
    PSA_RUNS.labels("failed" if failure else "finished").inc()


def _enqueue(run: SyncRun, *, now: datetime) -> None:
    enqueue(topic=TOPIC, key=str(run.pk), payload={"run": run.pk}, now=now)


@contextmanager
def _lock() -> Iterator[bool]:
    """Lock the provider's runs until the block ends; False if another connection has the lock."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_try_advisory_lock({LOCK})")
        is_ours = bool(cursor.fetchone()[0])
    try:
        yield is_ours
    finally:
        if is_ours:
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT pg_advisory_unlock({LOCK})")
