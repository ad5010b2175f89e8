"""Mails with a document, whose bytes are read and checked when the mail is sent."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from billing import topics
from billing.documents.credit_note import credit_note_bytes
from billing.documents.receipt import receipt_bytes
from billing.documents.store import document_bytes
from core.mail import File, queue_mail, send


class DocumentKind(StrEnum):
    """The kind of document."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    RECEIPT = "receipt"


@dataclass(frozen=True, slots=True)
class AttachedDocument:
    """A stored PDF and its file name in the mail."""

    kind: DocumentKind
    document_id: int
    name: str


_READERS = {
    DocumentKind.INVOICE: document_bytes,
    DocumentKind.CREDIT_NOTE: credit_note_bytes,
    DocumentKind.RECEIPT: receipt_bytes,
}


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
    """Queue a mail as `queue_mail` does, with a document attached."""
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
    """Send a mail with its document. Raises `DocumentDamaged` and the mail server's errors."""
    attached = AttachedDocument(**payload["attached"])
    content = _READERS[DocumentKind(attached.kind)](document_id=attached.document_id)
    send(payload, files=[File(attached.name, content, "application/pdf")])
