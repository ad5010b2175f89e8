"""The worker's part of an import: adding the good lines, each exactly once."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from accounts.actors import Actor
from mtp.outbox.topics import Payload, handles
from tenants.bulk_membership import NewDevice, NewUser, add_devices, add_users
from tenants.imports.checking import keep_refused
from tenants.imports.columns import ImportLine, columns_of, read_line
from tenants.imports.judging import Refusal, over_limit, shown
from tenants.imports.models import ImportRun, Reason
from tenants.imports.runs import APPLY_TOPIC, finish_import
from tenants.imports.table import read_table
from tenants.imports.ways import ways_of
from tenants.membership import Via
from tenants.models import Organization
from tenants.refusals import OrganizationRemoved, UserCapReached

LINES_A_BATCH = 5_000


@handles(APPLY_TOPIC)
def apply_import(payload: Payload, now: datetime) -> None:
    """Add the good lines of a confirmed import; a second time changes nothing.

    Good lines only: batch by batch, each in one transaction with its progress, so that whoever
    takes over from a killed worker goes on behind the last batch. All or nothing: one batch.
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
    """The lines of the kept file that were not refused, read anew."""
    table = read_table(bytes(run.content))
    columns = columns_of(header=table.header, kind=run.kind)
    refused = set(run.refused_lines.values_list("line", flat=True))
    return [
        read_line(number=number, cells=cells, columns=columns, kind=run.kind)
        for number, cells in table.lines()
        if number not in refused
    ]


def _locked(run_id: int) -> ImportRun:
    """The run, held until the transaction ends; imports of one organization wait for each other,
    or two files with the same people in another order could block each other for good.
    """
    organizations = Organization.objects.select_for_update(no_key=True, of=("self",))
    organization = organizations.get(importrun=run_id)
    run = ImportRun.objects.select_for_update().defer("content").get(pk=run_id)
    run.organization = organization
    return run


@transaction.atomic
def apply_next_batch(*, run_id: int, lines: Sequence[ImportLine], now: datetime) -> bool:
    """Add the lines behind the last batch, in one transaction with the progress; whether any are
    left.
    """
    run = _locked(run_id)
    if run.state != ImportRun.State.APPLYING:
        return False
    begin = bisect_right(lines, run.applied_through, key=lambda line: line.number)
    batch = lines[begin : begin + LINES_A_BATCH]
    rest = lines[begin + LINES_A_BATCH :]
    added, refused, stopped = _add_while_room(run, batch, now=now)
    if stopped:
        refused += _all_refused(rest, stopped)
        rest = []
    keep_refused(run=run, refused=refused)
    run.added += added
    run.refused += len(refused)
    if batch:
        run.applied_through = batch[-1].number
    if not rest:
        finish_import(run=run, state=ImportRun.State.IMPORTED, now=now)
    _save_progress(run)
    return bool(rest)


def _add_while_room(
    run: ImportRun, batch: Sequence[ImportLine], *, now: datetime
) -> tuple[int, list[Refusal], Reason | None]:
    """Add the batch, or as much of it as there is room for; how many came in, who did not, and
    why nobody else can.
    """
    if ways := ways_of(run.kind):
        left_out = ways.record(run=run, lines=batch, now=now)
        return len(batch) - len(left_out), left_out, None
    added, refused = 0, list[Refusal]()
    asked = len(batch)
    while batch:
        try:
            came_in = _add(run, batch[:asked], now=now)
        except UserCapReached as reached:
            asked, reason = _room_of(reached), over_limit(reached.because)
        except OrganizationRemoved:
            asked, reason = 0, Reason.ORGANIZATION_REMOVED
        else:
            added += len(came_in)
            refused += _left_out(batch[:asked], came_in)
            batch = batch[asked:]
            asked = len(batch)
            continue
        if not asked:
            return added, refused + _all_refused(batch, reason), reason
    return added, refused, None


@transaction.atomic
def _apply_whole(run_id: int, lines: Sequence[ImportLine], *, now: datetime) -> None:
    """Add all lines, or none when any of them can't be added any more."""
    run = _locked(run_id)
    if run.state != ImportRun.State.APPLYING:
        return
    before = transaction.savepoint()
    refused = _refused_of_all(run, lines, now=now)
    if refused:
        transaction.savepoint_rollback(before)
        keep_refused(run=run, refused=refused)
        run.refused += len(refused)
        finish_import(run=run, state=ImportRun.State.NOTHING_IMPORTED, now=now)
    else:
        run.added = len(lines)
        run.applied_through = lines[-1].number
        finish_import(run=run, state=ImportRun.State.IMPORTED, now=now)
    _save_progress(run)


def _refused_of_all(run: ImportRun, lines: Sequence[ImportLine], *, now: datetime) -> list[Refusal]:
    """Add all of them; those for whom it can't be, for which all of it is taken back."""
    if ways := ways_of(run.kind):
        return ways.record(run=run, lines=lines, now=now)
    try:
        came_in = _add(run, lines, now=now)
    except UserCapReached as reached:
        return _all_refused(lines[_room_of(reached) :], over_limit(reached.because))
    except OrganizationRemoved:
        return _all_refused(lines, Reason.ORGANIZATION_REMOVED)
    return _left_out(lines, came_in)


def _add(run: ImportRun, lines: Sequence[ImportLine], *, now: datetime) -> set[str]:
    actor = Actor(id=run.decided_by_id, name=run.decided_by_name)
    if run.kind == ImportRun.Kind.DEVICES:
        return add_devices(
            organization=run.organization,
            devices=[NewDevice(line.key, line.name) for line in lines],
            actor=actor,
            via=Via.IMPORT,
            now=now,
        )
    return add_users(
        organization=run.organization,
        users=[NewUser(line.key, line.name, line.state) for line in lines],
        actor=actor,
        via=Via.IMPORT,
        now=now,
    )


def _room_of(reached: UserCapReached) -> int:
    """How many would still have come in: fewer than were asked for."""
    return max(0, reached.cap - reached.count)


def _left_out(lines: Sequence[ImportLine], came_in: set[str]) -> list[Refusal]:
    return _all_refused([line for line in lines if line.key not in came_in], Reason.ALREADY_THERE)


def _all_refused(lines: Sequence[ImportLine], reason: Reason) -> list[Refusal]:
    return [Refusal(line.number, reason, shown(line)) for line in lines]


def _save_progress(run: ImportRun) -> None:
    run.save(update_fields=["state", "added", "refused", "applied_through", "finished_at"])
