"""Promises about documents and mails of invoices, credit notes and contracts."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.urls import reverse

from billing import topics
from billing.promises.wording import DELIVER_AGAIN
from core.operations.alerts import Cause
from core.operations.promises import promise
from core.schema import connection, current_schema

SOON = timedelta(hours=1)
# Messages that are finished are kept for longer than this.
MAILS_OF_LAST = timedelta(days=30)

_INVOICES = """
    SELECT number FROM billing_invoice invoice
    WHERE issued_at < %(before)s AND issued_at >= %(cutoff)s
        AND (SELECT count(*) FROM billing_invoicedocument WHERE invoice_id = invoice.id) < 2
        AND NOT EXISTS (SELECT FROM outbox_outboxmessage
                        WHERE schema_name = %(schema)s AND topic = %(topic)s
                            AND finished_at IS NULL
                            AND payload @> jsonb_build_object('invoice_id', invoice.id))
    ORDER BY id
"""
_CREDIT_NOTES = """
    SELECT number FROM billing_creditnote note
    WHERE issued_at < %(before)s AND issued_at >= %(cutoff)s
        AND NOT EXISTS (SELECT FROM billing_creditnotedocument WHERE credit_note_id = note.id)
        AND NOT EXISTS (SELECT FROM outbox_outboxmessage
                        WHERE schema_name = %(schema)s AND topic = %(topic)s
                            AND finished_at IS NULL
                            AND payload @> jsonb_build_object('credit_note_id', note.id))
    ORDER BY id
"""
# The mail itself is a message with the invoice as its key, queued by the message of the invoice.
_MAILS = """
    SELECT invoice.number FROM billing_invoice invoice
    WHERE invoice.collection <> 'automatic' AND invoice.voided_at IS NULL
        AND invoice.issued_at < %(before)s
        AND (invoice.issued_at >= %(since)s
             OR EXISTS (SELECT FROM operations_operationsalert
                        WHERE schema_name = %(schema)s AND kind = %(kind)s
                            AND key = invoice.number AND settled_at IS NULL))
        AND NOT EXISTS (SELECT FROM outbox_outboxmessage
                        WHERE schema_name = %(schema)s
                            AND ((topic = %(mail)s AND key = 'invoice:' || invoice.id)
                                 OR (topic = %(topic)s AND finished_at IS NULL
                                     AND payload @> jsonb_build_object(
                                         'invoice_id', invoice.id))))
    ORDER BY invoice.id
"""
UNMAILED = "billing.unmailed"


@promise("billing.document", broken="A document is missing")
def documents_are_stored(*, now: datetime) -> Iterator[Cause]:
    """Each issued invoice has its PDF and CSV, each credit note its PDF, or a message for it."""
    for statement, topic, model in (
        (_INVOICES, topics.DOCUMENTS, "invoice"),
        (_CREDIT_NOTES, topics.CREDIT_NOTE, "creditnote"),
    ):
        parameters = {
            "schema": current_schema(),
            "topic": topic,
            "before": now - SOON,
            "cutoff": settings.INVOICE_DOWNLOAD_CUTOFF,
        }
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            for (number,) in cursor.fetchall():
                yield Cause(
                    key=number,
                    summary=f"{number} has no stored document, and nothing will render it.",
                    next_step=f"{DELIVER_AGAIN} Its document is rendered.",
                    link=reverse(f"admin:billing_{model}_changelist") + f"?q={number}",
                )


@promise(UNMAILED, broken="An invoice is not mailed")
def invoices_are_mailed(*, now: datetime) -> Iterator[Cause]:
    """Each invoice that is paid by transfer has its mail, or the message that queues it."""
    parameters = {
        "schema": current_schema(),
        "topic": topics.INVOICE_MAIL,
        "mail": topics.DOCUMENT_MAIL,
        "kind": UNMAILED,
        "before": now - SOON,
        "since": now - MAILS_OF_LAST,
    }
    with connection.cursor() as cursor:
        cursor.execute(_MAILS, parameters)
        for (number,) in cursor.fetchall():
            yield Cause(
                key=number,
                summary=f"{number} is to be paid by transfer and was never mailed.",
                next_step=f"{DELIVER_AGAIN} It is mailed.",
                link=reverse("admin:billing_invoice_changelist") + f"?q={number}",
            )
