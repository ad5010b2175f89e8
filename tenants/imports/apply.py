"""The worker's second step of an import: it adds the good lines, each exactly once."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from core.outbox.lanes import Lane
from core.outbox.topics import Payload, handler
from tenants.imports.dry_run import save_refused_lines
from tenants.imports.kinds import ImportLine, all_refused, import_kind
from tenants.imports.reading.records import NotReadable
from tenants.imports.reading.stored_file import read_as_chosen
from tenants.imports.runs import APPLY_TOPIC, finish_import
from tenants.imports.sync.gone_people import MoreGone, take_gone
from tenants.models import ImportRun, Organization

LINES_PER_BATCH = 5_000


@handler(APPLY_TOPIC, lane=Lane.IMPORTS)
def apply_import(payload: Payload, now: datetime) -> None:
    """Add the good lines of a confirmed import; a repeated call changes nothing.

    "Good lines only" adds batches, each in one transaction with its progress, so that the next
    worker continues after the last batch of a killed one. "All or nothing" is one transaction.
    """
    run = ImportRun.objects.defer("content").get(pk=payload["run_id"])
    if run.state != ImportRun.State.APPLYING:
        return
    try:
        counted = counted_lines(run=run)
    except NotReadable as reason:
        _stop(run.pk, reason, now=now)
        return
    lines = good_lines(run=run, counted=counted)
    if run.mode == ImportRun.Mode.ALL_OR_NOTHING:
        _apply_whole(run.pk, lines, counted, now=now)
        return
    if run.purpose == ImportRun.Purpose.SYNC and not take_gone_once(
        run_id=run.pk, counted=counted, now=now
    ):
        return
    while apply_next_batch(run_id=run.pk, lines=lines, now=now):
        pass


def counted_lines(*, run: ImportRun) -> list[ImportLine]:
    """The lines of the stored file that count, as the dry run read them."""
    kind, reading = import_kind(run.kind), read_as_chosen(run)
    columns = reading.columns
    lines = (
        kind.read_line(number=number, cells=cells, columns=columns)
        for number, cells in reading.table.lines()
    )
    return [line for line in lines if columns.takes(line)]


def good_lines(*, run: ImportRun, counted: Sequence[ImportLine] | None = None) -> list[ImportLine]:
    """The lines that count and were not refused; `counted` saves another reading."""
    counted = counted_lines(run=run) if counted is None else counted
    refused = set(run.refused_lines.values_list("line", flat=True))
    return [line for line in counted if line.number not in refused]


def _locked(run_id: int) -> ImportRun:
    """The run, locked until the transaction ends.

    The organization is locked too: two imports of the same users in different orders would
    otherwise deadlock.
    """
    organizations = Organization.objects.select_for_update(no_key=True, of=("self",))
    organization = organizations.get(importrun=run_id)
    run = ImportRun.objects.select_for_update().defer("content").get(pk=run_id)
    run.organization = organization
    return run


@transaction.atomic
def take_gone_once(*, run_id: int, counted: Sequence[ImportLine], now: datetime) -> bool:
    """Take the gone people of a sync, unless a worker did; returns whether the import goes on."""
    run = _locked(run_id)
    if run.state != ImportRun.State.APPLYING:
        return False
    if run.gone_at is not None:
        return True
    try:
        take_gone(run=run, lines=counted, now=now)
    except MoreGone as reason:
        _finish_without(run, reason, now=now)
        return False
    _save_progress(run)
    return True


@transaction.atomic
def apply_next_batch(*, run_id: int, lines: Sequence[ImportLine], now: datetime) -> bool:
    """Add the next batch in one transaction with the progress; return True when lines are left."""
    run = _locked(run_id)
    if run.state != ImportRun.State.APPLYING:
        return False
    begin = bisect_right(lines, run.applied_through, key=lambda line: line.number)
    batch = lines[begin : begin + LINES_PER_BATCH]
    rest = lines[begin + LINES_PER_BATCH :]
    recorded = import_kind(run.kind).record(run=run, lines=batch, now=now)
    refused = recorded.refused
    if recorded.stopped:
        refused = refused + all_refused(rest, recorded.stopped)
        rest = []
    save_refused_lines(run=run, refused=refused)
    run.added += recorded.count
    run.changed += recorded.changed
    run.renamed += recorded.renamed
    run.refused += len(refused)
    if batch:
        run.applied_through = batch[-1].number
    if not rest:
        finish_import(run=run, state=ImportRun.State.IMPORTED, now=now)
    _save_progress(run)
    return bool(rest)


@transaction.atomic
def _apply_whole(
    run_id: int, lines: Sequence[ImportLine], counted: Sequence[ImportLine], *, now: datetime
) -> None:
    """Do everything, or nothing when one of the lines can no longer be added."""
    run = _locked(run_id)
    if run.state != ImportRun.State.APPLYING:
        return
    before = transaction.savepoint()
    if run.purpose == ImportRun.Purpose.SYNC:
        try:
            take_gone(run=run, lines=counted, now=now)
        except MoreGone as reason:
            _finish_without(run, reason, now=now)
            return
    recorded = import_kind(run.kind).record_all(run=run, lines=lines, now=now)
    if refused := recorded.refused:
        transaction.savepoint_rollback(before)
        run.changed = run.gone = 0
        run.gone_at = None
        save_refused_lines(run=run, refused=refused)
        run.refused += len(refused)
        finish_import(run=run, state=ImportRun.State.NOTHING_IMPORTED, now=now)
    else:
        run.added, run.renamed = recorded.count, recorded.renamed
        run.changed += recorded.changed
        run.applied_through = lines[-1].number if lines else run.lines
        finish_import(run=run, state=ImportRun.State.IMPORTED, now=now)
    _save_progress(run)


@transaction.atomic
def _stop(run_id: int, reason: Exception, *, now: datetime) -> None:
    """Finish an import whose file can no longer be read."""
    run = _locked(run_id)
    if run.state == ImportRun.State.APPLYING:
        _finish_without(run, reason, now=now)


def _finish_without(run: ImportRun, reason: Exception, *, now: datetime) -> None:
    """Nothing more is imported, for this reason, which the page shows."""
    run.problem = str(reason)[:500]
    finish_import(run=run, state=ImportRun.State.NOTHING_IMPORTED, now=now)
    _save_progress(run)


def _save_progress(run: ImportRun) -> None:
    run.save(
        update_fields=[
            "state",
            "problem",
            "added",
            "changed",
            "renamed",
            "gone",
            "gone_at",
            "refused",
            "applied_through",
            "finished_at",
        ]
    )
