"""Names of users outside of their own rows: audit log, imports, invoice lines, CSV files, exports.

`usage.UsageEvent` has none. Mails, alerts and PDF files name no user (docs/decisions/0007).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from billing.documents.store import render_csv_again
from billing.models import DataExport, Invoice
from tenants.imports.file_reading import NotReadable, read_table
from tenants.models import ImportRun, ManagedUser

# An external id is a name too. Earlier releases recorded its change under the user's name.
AUDIT_LOG = """
    UPDATE tenants_auditentry a
    SET subject = %(prefix)s || e.id,
        before = a.before - 'external_id', after = a.after - 'external_id'
    FROM unnest(%(ids)s::bigint[], %(organizations)s::bigint[], %(emails)s::text[],
                %(names)s::text[]) AS e (id, organization_id, email, name)
    WHERE a.organization_id = e.organization_id AND starts_with(a.action, 'user.')
        AND (lower(a.subject) = lower(e.email)
             OR (a.action = 'user.external_id_changed' AND a.subject = e.name))
"""
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


def erase_copies(users: Sequence[ManagedUser], *, now: datetime) -> None:
    """Remove the names of these users, given as they were before, wherever they were copied to."""
    parameters: dict[str, Any] = {
        "prefix": ManagedUser.ERASED,
        "ids": [user.pk for user in users],
        "organizations": [user.organization_id for user in users],
        "emails": [user.email for user in users],
        "names": [user.name for user in users],
        "external_ids": [user.external_id or "" for user in users],
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
    _empty_import_files(users)
    DataExport.objects.exclude(finished_at=None).delete()


def _empty_import_files(users: Sequence[ManagedUser]) -> None:
    """Empty each kept file that has one of these users in a cell."""
    cells: dict[int, set[str]] = {}
    for user in users:
        named = {user.email.lower(), user.name.lower(), (user.external_id or "").lower()} - {""}
        cells.setdefault(user.organization_id, set()).update(named)
    runs = ImportRun.objects.filter(organization__in=cells).exclude(content=b"")
    for run in runs.order_by("pk").iterator(chunk_size=1):
        if _has_cell(bytes(run.content), cells[run.organization_id]):
            ImportRun.objects.filter(pk=run.pk).update(content=b"")


def _has_cell(content: bytes, names: set[str]) -> bool:
    """Whether a cell is one of these names, in lower case; a file that can't be read has one."""
    try:
        lines = read_table(content).lines()
    except NotReadable:
        return True
    return any(cell.strip().lower() in names for _, cells in lines for cell in cells)
