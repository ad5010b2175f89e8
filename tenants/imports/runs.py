"""The steps of an import that an administrator takes: upload, check again, confirm, discard."""

from datetime import datetime

from django.db import transaction

from core.actors import Actor
from core.outbox.delivery import enqueue
from tenants import audit
from tenants.alerts.schedule import check_soon
from tenants.imports.file_reading import read_table
from tenants.imports.kinds import import_kind
from tenants.imports.reading.options import ReadingOptions
from tenants.models import ImportRun, Organization

CHECK_TOPIC = "tenants.import.check"
APPLY_TOPIC = "tenants.import.apply"


class AlreadyDecided(Exception):
    """The import is confirmed or discarded, or not checked yet."""


class LinesRefused(Exception):
    """The file has refused lines, so it can't be imported as a whole."""


class NothingToImport(Exception):
    """All lines of the file are refused."""


@transaction.atomic
def start_import(
    *,
    organization: Organization,
    kind: ImportRun.Kind,
    file_name: str,
    content: bytes,
    actor: Actor,
    now: datetime,
) -> ImportRun:
    """Store the file, without passwords, and have a worker check it.

    Raises `NotReadable` for a file without the columns of its kind.
    """
    options = ReadingOptions()
    table = read_table(content, options)
    columns = import_kind(kind).columns_of(table=table, options=options)
    run = ImportRun.objects.create(
        organization=organization,
        kind=kind,
        file_name="".join(filter(str.isprintable, file_name))[:200] or "upload.csv",
        content=table.without(columns.secrets) if columns.secrets else content,
        encoding=table.encoding,
        source=columns.source,
        columns_used=[table.header[position][:100] for position in columns.used()],
        lines=table.count,
        started_at=now,
        started_by_id=actor.id,
        started_by_name=actor.name,
    )
    _enqueue_check(run, now=now)
    return run


@transaction.atomic
def check_again(*, run: ImportRun, now: datetime) -> None:
    """Check the file again, against the present members and cap. Raises `AlreadyDecided`."""
    locked = _waiting(run)
    locked.state = ImportRun.State.CHECKING
    locked.checks += 1
    locked.checked_lines = 0
    locked.save(update_fields=["state", "checks", "checked_lines"])
    _enqueue_check(locked, now=now)


@transaction.atomic
def confirm_import(*, run: ImportRun, mode: ImportRun.Mode, actor: Actor, now: datetime) -> None:
    """Have a worker add the good lines.

    Raises `AlreadyDecided`, `NothingToImport`, and `LinesRefused` for "all or nothing" of a file
    with refused lines.
    """
    locked = _waiting(run)
    if not locked.good_lines:
        raise NothingToImport
    if mode == ImportRun.Mode.ALL_OR_NOTHING and locked.refused:
        raise LinesRefused
    locked.state = ImportRun.State.APPLYING
    locked.mode = mode
    locked.changed = 0
    _decide(locked, actor=actor, now=now)
    enqueue(topic=APPLY_TOPIC, key=str(locked.pk), payload={"run_id": locked.pk}, now=now)


@transaction.atomic
def discard_import(*, run: ImportRun, actor: Actor, now: datetime) -> None:
    """Discard the file. Raises `AlreadyDecided`."""
    locked = _waiting(run)
    locked.state = ImportRun.State.DISCARDED
    locked.finished_at = now
    _decide(locked, actor=actor, now=now)


def finish_import(*, run: ImportRun, state: ImportRun.State, now: datetime) -> None:
    """Set the final state and write the audit entry; the caller saves in a transaction."""
    check_soon()
    run.state = state
    run.finished_at = now
    audit.record(
        actor=Actor(id=run.decided_by_id, name=run.decided_by_name),
        action=f"{run.kind}.{state}",
        subject=run.file_name,
        organization=run.organization,
        after={
            "import": run.pk,
            "mode": run.mode,
            "added": run.added,
            "changed": run.changed,
            "refused": run.refused,
        },
        now=now,
    )


def _enqueue_check(run: ImportRun, *, now: datetime) -> None:
    key = f"{run.pk}.{run.checks}"
    enqueue(topic=CHECK_TOPIC, key=key, payload={"run_id": run.pk}, now=now)


def _waiting(run: ImportRun) -> ImportRun:
    locked = ImportRun.objects.select_for_update().defer("content").get(pk=run.pk)
    if locked.state != ImportRun.State.CHECKED:
        raise AlreadyDecided
    return locked


def _decide(run: ImportRun, *, actor: Actor, now: datetime) -> None:
    run.decided_at = now
    run.decided_by_id = actor.id
    run.decided_by_name = actor.name
    run.save(
        update_fields=[
            "state",
            "mode",
            "changed",
            "finished_at",
            "decided_at",
            "decided_by_id",
            "decided_by_name",
        ]
    )
