"""The worker's second step of an import: it adds the good lines, each exactly once."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from core.outbox.lanes import Lane
from core.outbox.topics import Payload, handler
from tenants.imports.dry_run import save_refused_lines
from tenants.imports.file_reading import read_table
from tenants.imports.kinds import ImportLine, all_refused, import_kind
from tenants.imports.reading.options import ReadingOptions
from tenants.imports.runs import APPLY_TOPIC, finish_import
from tenants.models import ImportRun, Organization

LINES_PER_BATCH = 5_000


@handler(APPLY_TOPIC, lane=Lane.IMPORTS)
def apply_import(payload: Payload, now: datetime) -> None:
    """Add the good lines of a confirmed import; a repeated call changes nothing.

    "Good lines only" adds batches, each in one transaction with its progress, so that the next
    worker continues after the last batch of a killed one. "All or nothing" is one transaction.
    """
    run = ImportRun.objects.get(pk=payload["run_id"])
    if run.state != ImportRun.State.APPLYING:
        return
    lines = good_lines(run=run)
    if run.mode == ImportRun.Mode.ALL_OR_NOTHING:
        _apply_whole(run.pk, lines, now=now)
        return
    while apply_next_batch(run_id=run.pk, lines=lines, now=now):
        pass


def good_lines(*, run: ImportRun) -> list[ImportLine]:
    """The lines of the stored file that count and were not refused, as the dry run read them."""
    options = ReadingOptions()
    table = read_table(bytes(run.content), options)
    kind = import_kind(run.kind)
    columns = kind.columns_of(table=table, options=options)
    refused = set(run.refused_lines.values_list("line", flat=True))
    lines = (
        kind.read_line(number=number, cells=cells, columns=columns)
        for number, cells in table.lines()
        if number not in refused
    )
    return [line for line in lines if columns.takes(line)]


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
    run.refused += len(refused)
    if batch:
        run.applied_through = batch[-1].number
    if not rest:
        finish_import(run=run, state=ImportRun.State.IMPORTED, now=now)
    _save_progress(run)
    return bool(rest)


@transaction.atomic
def _apply_whole(run_id: int, lines: Sequence[ImportLine], *, now: datetime) -> None:
    """Add all lines, or none when one of them can no longer be added."""
    run = _locked(run_id)
    if run.state != ImportRun.State.APPLYING:
        return
    before = transaction.savepoint()
    recorded = import_kind(run.kind).record_all(run=run, lines=lines, now=now)
    if refused := recorded.refused:
        transaction.savepoint_rollback(before)
        save_refused_lines(run=run, refused=refused)
        run.refused += len(refused)
        finish_import(run=run, state=ImportRun.State.NOTHING_IMPORTED, now=now)
    else:
        run.added, run.changed = recorded.count, recorded.changed
        run.applied_through = lines[-1].number if lines else run.lines
        finish_import(run=run, state=ImportRun.State.IMPORTED, now=now)
    _save_progress(run)


def _save_progress(run: ImportRun) -> None:
    run.save(
        update_fields=["state", "added", "changed", "refused", "applied_through", "finished_at"]
    )
