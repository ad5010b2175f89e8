"""The steps of an import that an administrator takes: upload, check again, confirm, discard."""

from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from django.db import transaction
from psycopg import Cursor

from core.actors import Actor
from core.outbox.delivery import enqueue
from core.schema import connection
from tenants import audit
from tenants.alerts.schedule import check_soon
from tenants.imports.reading.options import ReadingOptions
from tenants.imports.reading.stored_file import remember
from tenants.imports.reading.upload import as_stored
from tenants.imports.sync.comparison import DECIDED_AGAIN, is_large
from tenants.models import ImportRun, Organization, RefusedLine

CHECK_TOPIC = "tenants.import.check"
APPLY_TOPIC = "tenants.import.apply"


class AlreadyDecided(Exception):
    """The import is confirmed or discarded, or not checked yet."""


class LinesRefused(Exception):
    """The file has refused lines, so it can't be imported as a whole."""


class NothingToImport(Exception):
    """All lines of the file are refused, or a sync would change nothing."""


class NotAnswered(Exception):
    """The file leaves something open that decides what is imported; the text says what."""


class GoneNotConfirmed(Exception):
    """More than a fifth of the users would be gone; `gone` is their number to be confirmed."""

    def __init__(self, gone: int) -> None:
        super().__init__(gone)
        self.gone = gone


@dataclass(frozen=True, slots=True)
class Sync:
    """Makes the organization equal to the file; `gone_are` users who are not in it.

    `gone_confirmed` is the number of gone users that the person typed; 0 without one.
    """

    gone_are: ImportRun.Gone = ImportRun.Gone.REMOVE
    gone_confirmed: int = 0


@transaction.atomic
def start_import(
    *,
    organization: Organization,
    kind: ImportRun.Kind,
    file_name: str,
    file: BinaryIO,
    actor: Actor,
    now: datetime,
) -> ImportRun:
    """Store the file, without passwords, and have a worker read and check it.

    Reads the titles only, and the lines if passwords are among them. Raises `NotReadable` for a
    file that is too large or has no titles, or with passwords in lines that can't be read.
    """
    stored = as_stored(file)
    run = ImportRun.objects.create(
        organization=organization,
        kind=kind,
        file_name="".join(filter(str.isprintable, file_name))[:200] or "upload.csv",
        content=b"",
        lines=0,
        started_at=now,
        started_by_id=actor.id,
        started_by_name=actor.name,
    )
    store_content(run, stored)
    _enqueue_check(run, now=now)
    return run


def store_content(run: ImportRun, content: bytes) -> None:
    """Write the file in binary form: as a literal of SQL it takes ten times its size of memory."""
    with Cursor(connection.connection) as cursor:
        cursor.execute("UPDATE tenants_importrun SET content = %b WHERE id = %s", [content, run.pk])


@transaction.atomic
def check_again(*, run: ImportRun, now: datetime, options: ReadingOptions | None = None) -> None:
    """Check the file again, against the present members and cap. Raises `AlreadyDecided`.

    With `options`, it is read by them, and so are later files of its source.
    """
    locked = _waiting(run, is_read=False)
    if options is not None:
        locked.options = options.as_json()
        remember(run=locked, options=options, now=now)
    locked.state = ImportRun.State.CHECKING
    locked.problem = ""
    locked.checks += 1
    locked.checked_lines = 0
    locked.save(update_fields=["state", "problem", "options", "checks", "checked_lines"])
    _enqueue_check(locked, now=now)


@transaction.atomic
def confirm_import(
    *,
    run: ImportRun,
    mode: ImportRun.Mode,
    actor: Actor,
    now: datetime,
    sync: Sync | None = None,
) -> None:
    """Have a worker add the good lines, or with `sync` make the organization equal to them.

    Raises `AlreadyDecided`, `NotAnswered`, `NothingToImport`, `GoneNotConfirmed`, and
    `LinesRefused` for "all or nothing" of a file with refused lines.
    """
    locked = _waiting(run)
    open_questions = [one["text"] for one in locked.report.get("doubts", []) if one["must_ask"]]
    if open_questions:
        raise NotAnswered(open_questions[0])
    if sync is not None:
        _begin_sync(locked, sync, mode)
    elif not locked.good_lines:
        raise NothingToImport
    if mode == ImportRun.Mode.ALL_OR_NOTHING and locked.refused:
        raise LinesRefused
    locked.state = ImportRun.State.APPLYING
    locked.mode = mode
    locked.changed = locked.renamed = 0
    _decide(locked, actor=actor, now=now)
    enqueue(topic=APPLY_TOPIC, key=str(locked.pk), payload={"run_id": locked.pk}, now=now)


def _begin_sync(run: ImportRun, sync: Sync, mode: ImportRun.Mode) -> None:
    """Check the guard, and forget the refusals that a sync decides again."""
    planned = run.report.get("sync")
    if not planned or run.kind != ImportRun.Kind.USERS:
        raise NothingToImport
    is_suspension = sync.gone_are == ImportRun.Gone.SUSPEND
    gone = planned["gone_active"] if is_suspension else planned["gone"]
    if not (planned["new"] or planned["changed"] or gone):
        raise NothingToImport
    is_confirmed = sync.gone_confirmed == gone
    if is_large(gone=gone, present=planned["present"]) and not is_confirmed:
        raise GoneNotConfirmed(gone)
    run.purpose = ImportRun.Purpose.SYNC
    run.gone_are = sync.gone_are
    run.gone_confirmed = gone
    run.unchanged = planned["unchanged"]
    again = RefusedLine.objects.filter(run=run, reason__in=DECIDED_AGAIN)
    run.refused -= again.delete()[0]
    over = planned["over_suspended"] if is_suspension else planned["over_removed"]
    if over and mode == ImportRun.Mode.ALL_OR_NOTHING:
        raise LinesRefused


@transaction.atomic
def discard_import(*, run: ImportRun, actor: Actor, now: datetime) -> None:
    """Discard the file. Raises `AlreadyDecided`."""
    locked = _waiting(run, is_read=False)
    locked.state = ImportRun.State.DISCARDED
    locked.finished_at = now
    _decide(locked, actor=actor, now=now)


def finish_import(*, run: ImportRun, state: ImportRun.State, now: datetime) -> None:
    """Set the final state and write the audit entry; the caller saves in a transaction."""
    check_soon()
    run.state = state
    run.finished_at = now
    audit.record(
        actor=Actor.stored(run.decided_by_id, run.decided_by_name),
        action=f"{run.kind}.{state}",
        subject=run.file_name,
        subject_id=run.pk,
        organization=run.organization,
        after={
            "import": run.pk,
            "mode": run.mode,
            "added": run.added,
            "changed": run.changed,
            "refused": run.refused,
            **_of_sync(run),
        },
        now=now,
    )


def _enqueue_check(run: ImportRun, *, now: datetime) -> None:
    key = f"{run.pk}.{run.checks}"
    enqueue(topic=CHECK_TOPIC, key=key, payload={"run_id": run.pk}, now=now)


def _of_sync(run: ImportRun) -> dict[str, object]:
    if run.purpose != ImportRun.Purpose.SYNC:
        return {}
    return {"purpose": run.purpose, "gone": run.gone, "gone_are": run.gone_are}


def _waiting(run: ImportRun, *, is_read: bool = True) -> ImportRun:
    """The run, locked; it waits for a decision. With `is_read`, its file could be read."""
    locked = ImportRun.objects.select_for_update().defer("content").get(pk=run.pk)
    waiting = [ImportRun.State.CHECKED, *([] if is_read else [ImportRun.State.NOT_READABLE])]
    if locked.state not in waiting:
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
            "purpose",
            "gone_are",
            "gone_confirmed",
            "refused",
            "unchanged",
            "changed",
            "renamed",
            "finished_at",
            "decided_at",
            "decided_by_id",
            "decided_by_name",
        ]
    )
