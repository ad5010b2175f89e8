"""Mail through the outbox: queued in the transaction that causes it, sent by a worker.

A worker that dies after sending and before recording it makes the next worker send again. Both
mails carry the same Message-ID, so mail programs show one.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, parseaddr
from smtplib import SMTPConnectError, SMTPException, SMTPServerDisconnected
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone

from core.addresses import mail_address
from core.circuit_breakers import Service, guarded_call
from core.outbox.delivery import enqueue
from core.outbox.lanes import Lane
from core.outbox.topics import handler
from core.schema import current_schema

MAIL_TOPIC = "mail.send"
# As the outbox column; a longer key is replaced by its hash.
_LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class File:
    """A file in a mail; `type` is its MIME type."""

    name: str
    content: bytes
    type: str


def queue_mail(
    *,
    key: str,
    to: Sequence[str],
    subject: str,
    text: str,
    html: str = "",
    now: datetime,
    due_at: datetime | None = None,
    topic: str = MAIL_TOPIC,
    lane: Lane | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Queue a mail in the running transaction; a second one of the same topic and key is ignored.

    A mail with attachments has its own topic: the handler, in the app that owns the files, reads
    `details` from the payload and calls `send`. A mail for which no person waits is in the lane
    `DOCUMENTS`. Raises `ValueError` without a recipient.
    """
    if not to:
        raise ValueError("A mail needs a recipient.")
    if len(key) > _LONGEST_KEY:
        key = hashlib.sha256(key.encode()).hexdigest()
    digest = hashlib.sha256(f"{current_schema()}/{key}".encode()).hexdigest()[:40]
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].partition("@")[2]
    payload = {
        "to": list(to),
        "subject": " ".join(subject.split()),
        "text": text,
        "html": html,
        "message_id": f"<{digest}@{domain}>",
        **(details or {}),
    }
    enqueue(topic=topic, key=key, payload=payload, now=now, due_at=due_at, lane=lane)


@handler(MAIL_TOPIC)
def send_mail(payload: Mapping[str, Any], now: datetime) -> None:  # noqa: ARG001 - a handler's signature
    """Send a queued mail; raises the mail server's error."""
    send(payload)


def send(payload: Mapping[str, Any], *, files: Sequence[File] = ()) -> None:
    """Send a mail that `queue_mail` queued, with these files.

    Raises the mail server's error, or `ServiceAway` while it does not answer.
    """
    message = EmailMultiAlternatives(
        subject=payload["subject"],
        body=payload["text"],
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[mail_address(address) for address in payload["to"]],
        headers={
            "Message-ID": payload["message_id"],
            "Date": format_datetime(timezone.now()),
            "Auto-Submitted": "auto-generated",
        },
    )
    if payload["html"]:
        message.attach_alternative(payload["html"], "text/html")
    for file in files:
        message.attach(file.name, file.content, file.type)
    with guarded_call(Service.MAIL, is_silence=_is_silence):
        message.send()


def _is_silence(error: Exception) -> bool:
    """Whether the mail server did not answer; a refusal is an answer."""
    if isinstance(error, SMTPException):
        return isinstance(error, (SMTPServerDisconnected, SMTPConnectError))
    return isinstance(error, OSError)
