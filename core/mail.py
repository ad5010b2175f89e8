"""Mail as durable work: queued with the change that caused it, sent by a worker.

A mail that is sent twice, because a worker died between sending and noting it, carries the same
Message-ID both times, so that mail programs show it once.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives

from core.outbox.delivery import enqueue
from core.outbox.topics import handler
from core.schema import current_schema

MAIL_TOPIC = "mail.send"


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
    details: Mapping[str, Any] | None = None,
) -> None:
    """Queue a mail in the running transaction; a second one of the same topic and key is ignored.

    A mail with files has a topic of the floor that owns them, whose handler finds `details` in the
    payload and calls `send`. Raises ValueError without a recipient.
    """
    if not to:
        raise ValueError("A mail needs a recipient.")
    key = _short(key)
    payload = {
        "to": list(to),
        "subject": " ".join(subject.split()),
        "text": text,
        "html": html,
        "message_id": _message_id(key),
        **(details or {}),
    }
    enqueue(topic=topic, key=key, payload=payload, now=now, due_at=due_at)


@handler(MAIL_TOPIC)
def send_mail(payload: Mapping[str, Any], now: datetime) -> None:  # noqa: ARG001 - a handler's signature
    """Send one queued mail; raises what the mail server answers."""
    send(payload)


def send(payload: Mapping[str, Any], *, files: Sequence[File] = ()) -> None:
    """Send a mail as `queue_mail` queued it, with these files; raises what the server answers."""
    message = EmailMultiAlternatives(
        subject=payload["subject"],
        body=payload["text"],
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=payload["to"],
        headers={"Message-ID": payload["message_id"], "Auto-Submitted": "auto-generated"},
    )
    if payload["html"]:
        message.attach_alternative(payload["html"], "text/html")
    for file in files:
        message.attach(file.name, file.content, file.type)
    message.send()


def _short(key: str) -> str:
    """The key, or its hash where the outbox has no room for it."""
    longest = 200
    return key if len(key) <= longest else hashlib.sha256(key.encode()).hexdigest()


def _message_id(key: str) -> str:
    digest = hashlib.sha256(f"{current_schema()}/{key}".encode()).hexdigest()[:40]
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].partition("@")[2]
    return f"<{digest}@{domain}>"
