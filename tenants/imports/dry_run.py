"""The worker's first step of an import: the dry run."""

from datetime import datetime

from django.db import transaction

from core.outbox.lanes import Lane
from core.outbox.topics import Payload, handler
from tenants.imports.file_reading import read_table
from tenants.imports.kinds import Refusal, import_kind
from tenants.imports.reading.options import ReadingOptions
from tenants.imports.runs import CHECK_TOPIC
from tenants.models import ImportRun, RefusedLine

_ROWS_A_STATEMENT = 5_000


@handler(CHECK_TOPIC, lane=Lane.IMPORTS)
def check_import(payload: Payload, now: datetime) -> None:
    """Check every line of an import in state CHECKING; a repeated call changes nothing.

    The result is written in one transaction at the end, so a killed worker leaves no part of it.
    """
    run = ImportRun.objects.select_related("organization").get(pk=payload["run_id"])
    if run.state != ImportRun.State.CHECKING:
        return
    options = ReadingOptions()
    table = read_table(bytes(run.content), options)
    checking = ImportRun.objects.filter(
        pk=run.pk, state=ImportRun.State.CHECKING, checks=run.checks
    )
    kind = import_kind(run.kind)
    checked = kind.check(
        table=table,
        columns=kind.columns_of(table=table, options=options),
        organization=run.organization,
        progress=lambda count: checking.update(checked_lines=count),
        now=now,
    )
    with transaction.atomic():
        if not checking.select_for_update().defer("content").first():
            return
        RefusedLine.objects.filter(run=run).delete()
        save_refused_lines(run=run, refused=checked.refused)
        checking.update(
            state=ImportRun.State.CHECKED,
            checked_lines=run.lines,
            refused=len(checked.refused),
            changed=checked.changed,
        )


def save_refused_lines(*, run: ImportRun, refused: list[Refusal]) -> None:
    """Save the refused lines of an import."""
    RefusedLine.objects.bulk_create(
        (
            RefusedLine(
                run=run,
                line=refusal.line,
                reason=refusal.reason,
                subject=refusal.subject,
                first_line=refusal.first_line,
            )
            for refusal in refused
        ),
        batch_size=_ROWS_A_STATEMENT,
    )
