"""Runs of the sync: ordered by night or by a person, worked on in slices until all is checked."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction

from accounts.providers import current_provider
from core.actors import Actor
from core.months import Month, last_finished_day
from core.outbox.delivery import enqueue
from core.outbox.topics import Payload, Postpone, handler
from core.schema import connection
from integrations.autotask.api.client import Client
from integrations.autotask.api.errors import (
    AutotaskError,
    Busy,
    PermissionMissing,
    SignInRefused,
    UnknownUser,
)
from integrations.autotask.connection import open_client
from integrations.autotask.sync.evaluation import MonthSync, due
from integrations.autotask.sync.slices import Slice
from integrations.autotask.sync.sync_month import settle_unresolved_pushes, sync_month
from integrations.choices import DatePolicy
from integrations.encryption import SecretsUnreadable
from integrations.models import AutotaskConnection, ServiceMapping, SyncRun
from usage.models import SnapshotRun

TOPIC = "integrations.autotask_run"
# With the calls under way at its end, far below what the outbox lends a worker a message for.
SLICE_SECONDS = 60.0
COME_BACK = timedelta(minutes=5)
SOON = timedelta(seconds=30)
# After that a run is over, done or not: the next night begins anew.
LONGEST_RUN = timedelta(hours=8)


class CannotRun(Exception):
    """There is nothing to run with: not connected, or paused. The message says which."""


@transaction.atomic
def request_run(
    *, kind: SyncRun.Kind, actor: Actor, now: datetime, mapping: ServiceMapping | None = None
) -> SyncRun:
    """A run that a person asked for, of all services or of one. Raises `CannotRun`."""
    settings = AutotaskConnection.objects.filter(pk=1).first()
    if settings is None or not settings.is_connected:
        raise CannotRun("Autotask is not connected.")
    if kind != SyncRun.Kind.PREVIEW and settings.paused_at is not None:
        raise CannotRun("The sync is paused. Resume it first.")
    run = SyncRun.objects.create(
        kind=kind,
        day=last_finished_day(now=now, zone=_zone()),
        mapping=mapping,
        ordered_by_name=actor.name,
        created_at=now,
    )
    _enqueue(run, now=now)
    return run


@transaction.atomic
def request_nightly_run(*, now: datetime) -> SyncRun | None:
    """The current provider's run of the night, once its day's snapshot is there; None if not due.

    One for each day. Whatever an older night left is this one's.
    """
    settings = AutotaskConnection.objects.select_for_update().filter(pk=1).first()
    day = last_finished_day(now=now, zone=_zone())
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


@handler(TOPIC)
def work_on_run(payload: Payload, now: datetime) -> None:
    """A slice of a run; again until it is finished."""
    again_at = run_slice(run_id=payload["run"], now=now)
    if again_at is not None:
        raise Postpone(again_at)


def run_slice(*, run_id: int, now: datetime, seconds: float = SLICE_SECONDS) -> datetime | None:
    """Work on a run for so many seconds; when to come back, None once it is finished.

    Only one worker at a time works on a provider's runs. What can only be mended by a person ends
    the run and is said in its `failure`.
    """
    with _one_at_a_time() as is_ours:
        run = SyncRun.objects.get(pk=run_id)
        if run.finished_at is not None:
            return None
        if not is_ours:
            return now + SOON
        settings = AutotaskConnection.objects.filter(pk=1).first()
        stop = _why_not(run, settings)
        if stop or settings is None:
            _finish(run, now=now, failure=stop)
            return None
        return _work(run, settings, now=now, seconds=seconds)


def _why_not(run: SyncRun, settings: AutotaskConnection | None) -> str:
    if settings is None or not settings.is_connected:
        return "Autotask is not connected any more."
    return "The sync was paused." if run.may_push and settings.paused_at else ""


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
                zone=_zone(),
                policy=DatePolicy(settings.date_policy),
                now=now,
                ends_at=began + seconds,
            )
            _walk(part)
    except (SignInRefused, UnknownUser, PermissionMissing, SecretsUnreadable) as error:
        AutotaskConnection.objects.filter(pk=1).update(problem=str(error))
        _count(run, client, began=began)
        _finish(run, now=now, failure=str(error))
        return None
    except AutotaskError as error:
        _count(run, client, began=began)
        wait = error.wait if isinstance(error, Busy) else COME_BACK
        return _later(run, now=now, again_at=now + wait, because=str(error))
    AutotaskConnection.objects.filter(pk=1).exclude(problem="").update(problem="")
    _count(run, client, began=began)
    if part.was_cut:
        return now
    if part.rests:
        again_at = max(min(part.rests), now + SOON)
        return _later(
            run, now=now, again_at=again_at, because="Not every service could be settled."
        )
    _finish(run, now=now)
    return None


def _walk(part: Slice) -> None:
    current = Month.of(part.now, part.zone)
    walks = [MonthSync.of(part, month) for month in (current.previous, current)]
    if not part.run.slices:
        part.run.services = sum(len(due(walk)) for walk in walks)
    settle_unresolved_pushes(part)
    for walk in walks:
        sync_month(walk)


def _later(run: SyncRun, *, now: datetime, again_at: datetime, because: str) -> datetime | None:
    if again_at - run.created_at < LONGEST_RUN:
        return again_at
    hours = LONGEST_RUN.seconds // 3600
    _finish(run, now=now, failure=f"Given up after {hours} hours. {because}")
    return None


def _count(run: SyncRun, client: Client | None, *, began: float) -> None:
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


def _enqueue(run: SyncRun, *, now: datetime) -> None:
    enqueue(topic=TOPIC, key=str(run.pk), payload={"run": run.pk}, now=now)


def _zone() -> ZoneInfo:
    return current_provider().billing_zone()


@contextmanager
def _one_at_a_time() -> Iterator[bool]:
    """Whether no other connection works on this provider's runs; held until the block ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock('integrations_syncrun'::regclass::oid::bigint)")
        is_ours = bool(cursor.fetchone()[0])
    try:
        yield is_ours
    finally:
        if is_ours:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_advisory_unlock('integrations_syncrun'::regclass::oid::bigint)"
                )
