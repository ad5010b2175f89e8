"""Names of users outside of their own rows: audit log, imports, invoice lines, CSV files, exports.

`usage.UsageEvent` has none. Mails, alerts and PDF files name no user (docs/decisions/0007).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from billing.documents.store import render_csv_again
from billing.models import DataExport, Invoice
from core.addresses import address_key
from tenants.imports.file_reading import read_table
from tenants.imports.reading.records import NotReadable
from tenants.models import ImportRun, ManagedUser

# An external id is a name too, and so is an earlier address. Earlier releases recorded the change
# of an id under the user's name.
AUDIT_LOG = """
    UPDATE tenants_auditentry a
    SET subject = %(prefix)s || e.id,
        before = a.before - '{external_id,email,name,alias}'::text[],
        after = a.after - '{external_id,email,name,alias}'::text[]
    FROM unnest(%(ids)s::bigint[], %(organizations)s::bigint[], %(emails)s::text[],
                %(names)s::text[]) AS e (id, organization_id, email, name)
    WHERE a.organization_id = e.organization_id AND starts_with(a.action, 'user.')
        AND (lower(a.subject) = lower(e.email)
             OR (a.action = 'user.external_id_changed' AND a.subject = e.name))
"""
# Several in one cell, as in "SMTP:ann@a.example+smtp:ann@b.example".
_ADDRESS = re.compile(r"[^\s,;<>|():]+@[^\s,;<>|():+]+")
REFUSED_LINES = """
    UPDATE tenants_refusedline l SET subject = ''
    FROM tenants_importrun r,
         unnest(%(organizations)s::bigint[], %(emails)s::text[], %(external_ids)s::text[])
             AS e (organization_id, email, external_id)
    WHERE r.id = l.run_id AND r.organization_id = e.organization_id
        AND lower(l.subject) IN (lower(e.email), lower(e.external_id))
"""
INVOICES = """
    SELECT DISTINCT l.invoice_id FROM billing_invoiceline l
    JOIN usage_usageevent e ON e.id = l.peak_event_id
    WHERE e.metric = 'users' AND e.subject_id = ANY (%(ids)s)
        AND e.organization_id = ANY (%(organizations)s)
"""
INVOICE_LINES = """
    UPDATE billing_invoiceline l SET peak_subject_name = %(prefix)s || e.subject_id
    FROM usage_usageevent e
    WHERE e.id = l.peak_event_id AND e.metric = 'users' AND e.subject_id = ANY (%(ids)s)
        AND e.organization_id = ANY (%(organizations)s)
"""


def erase_copies(
    users: Sequence[ManagedUser], *, texts_of: Mapping[int, Sequence[str]], now: datetime
) -> None:
    """Remove the names of these users, given as they were before, wherever they were copied to.

    `texts_of` has their aliases, by the users' ids.
    """
    # One row for each text by which a user was known.
    texts = [(user, text) for user in users for text in (user.email, *texts_of[user.pk])]
    parameters: dict[str, Any] = {
        "prefix": ManagedUser.ERASED,
        "ids": [user.pk for user, _ in texts],
        "organizations": [user.organization_id for user, _ in texts],
        "emails": [text for _, text in texts],
        "names": [user.name for user, _ in texts],
        "external_ids": [user.external_id or "" for user, _ in texts],
    }
    with connection.cursor() as cursor:
        cursor.execute(AUDIT_LOG, parameters)
        cursor.execute(REFUSED_LINES, parameters)
        cursor.execute(INVOICES, parameters)
        found = [invoice_id for (invoice_id,) in cursor.fetchall()]
        # A worker that renders one of them at this instant is waited for.
        invoices = list(
            Invoice.objects.select_for_update(no_key=True).filter(pk__in=found).order_by("pk")
        )
        cursor.execute(INVOICE_LINES, parameters)
    for invoice in invoices:
        render_csv_again(invoice=invoice, now=now)
    _empty_import_files(users, texts_of)
    DataExport.objects.exclude(finished_at=None).delete()


def _empty_import_files(
    users: Sequence[ManagedUser], texts_of: Mapping[int, Sequence[str]]
) -> None:
    """Empty each kept file that has one of these users in a cell."""
    cells: dict[int, set[str]] = {}
    for user in users:
        texts = (user.email, user.name, user.external_id or "", *texts_of[user.pk])
        named = {address_key(text) for text in texts}
        cells.setdefault(user.organization_id, set()).update(named - {""})
    runs = ImportRun.objects.filter(organization__in=cells).exclude(content=b"")
    for run in runs.order_by("pk").iterator(chunk_size=1):
        names, stored = cells[run.organization_id], ImportRun.objects.filter(pk=run.pk)
        if _has_cell(bytes(run.content), names):
            stored.update(content=b"", report={})
        elif any(_is_named(text, names) for text in _texts_in(run.report)):
            # A report also names users who are not in the file.
            stored.update(report={})


def _texts_in(report: object) -> Iterator[str]:
    """Every text of a report."""
    if isinstance(report, str):
        yield report
    elif isinstance(report, dict):
        for value in report.values():
            yield from _texts_in(value)
    elif isinstance(report, list):
        for value in report:
            yield from _texts_in(value)


def _has_cell(content: bytes, names: set[str]) -> bool:
    """Whether a cell is, or lists, one of these names; a file that can't be read does."""
    try:
        lines = read_table(content).lines()
    except NotReadable:
        return True
    return any(_is_named(cell, names) for _, cells in lines for cell in cells)


def _is_named(cell: str, names: set[str]) -> bool:
    """Whether it is, or lists, one of these keys; that of a name is the name in lower case."""
    if address_key(cell) in names:
        return True
    listed = _ADDRESS.findall(cell) if cell.count("@") > 1 else []
    return any(address_key(each) in names for each in listed)
