"""The worker's first step of an import: it reads the file, and says what importing it would do."""

import csv
import logging
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from core.outbox.lanes import Lane
from core.outbox.topics import Payload, handler
from tenants.imports.kinds import CheckResult, Refusal, import_kind
from tenants.imports.reading.records import NotReadable
from tenants.imports.reading.stored_file import NoColumns, Reading, read_first
from tenants.imports.report import report_of, report_of_table
from tenants.imports.rules import says_state
from tenants.imports.runs import CHECK_TOPIC, store_content
from tenants.models import ImportRun, RefusedLine
from tenants.models.imports import Reason

logger = logging.getLogger(__name__)

_ROWS_A_STATEMENT = 5_000
# What a file can make Python raise. Never an error of the database, after which it is read again.
_BY_THE_FILE = (ValueError, ArithmeticError, LookupError, TypeError, MemoryError, RecursionError)
NOT_UNDERSTOOD = (
    "The file could not be read, for a reason that we did not expect. Save it as “CSV UTF-8” and "
    "upload it again; if that does not help, send it to support."
)


@handler(CHECK_TOPIC, lane=Lane.IMPORTS)
def check_import(payload: Payload, now: datetime) -> None:
    """Check every line of an import in state CHECKING; a repeated call changes nothing.

    A file that can't be read is NOT_READABLE, with the reason. The result is written in one
    transaction at the end, so a killed worker leaves no part of it.
    """
    runs = ImportRun.objects.select_related("organization").defer("content")
    run = runs.get(pk=payload["run_id"])
    if run.state != ImportRun.State.CHECKING:
        return
    checking = ImportRun.objects.filter(
        pk=run.pk, state=ImportRun.State.CHECKING, checks=run.checks
    )
    try:
        reading = read_first(run)
        checked = _checked(run, reading, checking, now=now)
        report = report_of(run=run, reading=reading, checked=checked, now=now)
    except NoColumns as reason:
        _refuse(run, checking, str(reason), report_of_table(reason.table))
    except NotReadable as reason:
        _refuse(run, checking, str(reason), {})
    except (*_BY_THE_FILE, csv.Error):
        logger.exception("Import %s is not understood", run.pk)
        _refuse(run, checking, NOT_UNDERSTOOD, {})
    else:
        _save(run, checking, reading, checked, report)


def _checked(
    run: ImportRun, reading: Reading, checking: "QuerySet[ImportRun]", *, now: datetime
) -> CheckResult:
    run.lines = reading.table.count
    checking.update(lines=run.lines)
    return import_kind(run.kind).check(
        table=reading.table,
        columns=reading.columns,
        organization=run.organization,
        progress=lambda count: checking.update(checked_lines=count),
        now=now,
    )


@transaction.atomic
def _save(
    run: ImportRun,
    checking: "QuerySet[ImportRun]",
    reading: Reading,
    checked: CheckResult,
    report: dict[str, Any],
) -> None:
    if not checking.select_for_update().defer("content").first():
        return
    RefusedLine.objects.filter(run=run).delete()
    save_refused_lines(run=run, refused=checked.refused)
    titles, columns = reading.table.header, reading.columns
    if columns.secrets:
        # Titles that only the right encoding shows; the upload emptied the others.
        store_content(run, reading.table.without(columns.secrets))
    checking.update(
        state=ImportRun.State.CHECKED,
        problem="",
        encoding=reading.table.encoding,
        source=columns.source[:40],
        columns_used=[titles[position][:100] for position in columns.used()],
        options=reading.options.as_json(),
        report=report,
        says_state=says_state(columns),
        checked_lines=run.lines,
        refused=len(checked.refused),
        changed=checked.changed,
        renamed=checked.renamed,
        unchanged=sum(each.reason == Reason.ALREADY_THERE for each in checked.refused),
        left_out=len(checked.left) + sum(map(len, checked.apart.values())),
    )


@transaction.atomic
def _refuse(
    run: ImportRun, checking: "QuerySet[ImportRun]", problem: str, report: dict[str, Any]
) -> None:
    if not checking.select_for_update().defer("content").first():
        return
    RefusedLine.objects.filter(run=run).delete()
    checking.update(
        state=ImportRun.State.NOT_READABLE,
        problem=problem[:500],
        report=report,
        refused=0,
        changed=0,
        unchanged=0,
        left_out=0,
    )


def save_refused_lines(*, run: ImportRun, refused: list[Refusal]) -> None:
    """Save the refused lines of an import."""
    rows = (
        RefusedLine(
            run=run,
            line=refusal.line,
            reason=refusal.reason,
            subject=refusal.subject,
            first_line=refusal.first_line,
        )
        for refusal in refused
    )
    # Not all at once: nearly every line of a repeated file is one.
    while batch := list(islice(rows, _ROWS_A_STATEMENT)):
        RefusedLine.objects.bulk_create(batch)
