"""Mails with one of our documents.

The document's bytes are read when the mail is sent, and checked as those of a download.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from billing import topics
from billing.documents.credit_note import credit_note_bytes
from billing.documents.store import document_bytes
from core.mail import File, queue_mail, send


class DocumentKind(StrEnum):
    """Whose PDF it is."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


@dataclass(frozen=True, slots=True)
class AttachedDocument:
    """A stored PDF and the name that it has in the mail."""

    kind: DocumentKind
    document_id: int
    name: str


_READERS = {DocumentKind.INVOICE: document_bytes, DocumentKind.CREDIT_NOTE: credit_note_bytes}


def queue_document_mail(
    *,
    attached: AttachedDocument,
    key: str,
    to: list[str],
    subject: str,
    text: str,
    html: str,
    now: datetime,
) -> None:
    """As `queue_mail`, with a document."""
    queue_mail(
        key=key,
        to=to,
        subject=subject,
        text=text,
        html=html,
        now=now,
        topic=topics.DOCUMENT_MAIL,
        details={"attached": asdict(attached)},
    )


def send_document_mail(payload: Mapping[str, Any]) -> None:
    """Send such a mail. Raises `DocumentDamaged` and what the mail server answers."""
    attached = AttachedDocument(**payload["attached"])
    content = _READERS[DocumentKind(attached.kind)](document_id=attached.document_id)
    send(payload, files=[File(attached.name, content, "application/pdf")])
