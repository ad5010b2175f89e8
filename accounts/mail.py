"""Mail as durable work: queued with the change that caused it, sent by a worker.

A mail that is sent twice, because a worker died between sending and noting it, carries the same
Message-ID both times, so that mail programs show it once.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives

from mtp.outbox.delivery import enqueue
from mtp.outbox.topics import handles
from mtp.schema import current_schema

MAIL_TOPIC = "mail.send"
AttachmentSource = Callable[[Any], bytes]
_attachment_sources: dict[str, AttachmentSource] = {}


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file to be fetched when the mail is sent: `reference` is what its source understands."""

    source: str
    reference: int | str
    name: str
    type: str


def attachment_source(name: str) -> Callable[[AttachmentSource], AttachmentSource]:
    """Register who turns a reference into bytes; called in the schema the mail was queued in."""

    def register(source: AttachmentSource) -> AttachmentSource:
        _attachment_sources[name] = source
        return source

    return register


def queue_mail(
    *,
    key: str,
    to: Sequence[str],
    subject: str,
    text: str,
    html: str = "",
    attachments: Sequence[Attachment] = (),
    now: datetime,
    due_at: datetime | None = None,
) -> None:
    """Queue a mail in the running transaction; a second one of the same key is ignored.

    Raises ValueError without a recipient and KeyError for an unknown source of an attachment.
    """
    if not to:
        raise ValueError("A mail needs a recipient.")
    for attachment in attachments:
        _attachment_sources[attachment.source]
    key = _short(key)
    payload = {
        "to": list(to),
        "subject": " ".join(subject.split()),
        "text": text,
        "html": html,
        "attachments": [asdict(attachment) for attachment in attachments],
        "message_id": _message_id(key),
    }
    enqueue(topic=MAIL_TOPIC, key=key, payload=payload, now=now, due_at=due_at)


@handles(MAIL_TOPIC)
def send_mail(payload: Mapping[str, Any], now: datetime) -> None:  # noqa: ARG001 - a handler's signature
    """Send one queued mail; raises what the mail server answers."""
    message = EmailMultiAlternatives(
        subject=payload["subject"],
        body=payload["text"],
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=payload["to"],
        headers={"Message-ID": payload["message_id"], "Auto-Submitted": "auto-generated"},
    )
    if payload["html"]:
        message.attach_alternative(payload["html"], "text/html")
    for attachment in payload["attachments"]:
        content = _attachment_sources[attachment["source"]](attachment["reference"])
        message.attach(attachment["name"], content, attachment["type"])
    message.send()


def _short(key: str) -> str:
    """The key, or its hash where the outbox has no room for it."""
    longest = 200
    return key if len(key) <= longest else hashlib.sha256(key.encode()).hexdigest()


def _message_id(key: str) -> str:
    digest = hashlib.sha256(f"{current_schema()}/{key}".encode()).hexdigest()[:40]
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].partition("@")[2]
    return f"<{digest}@{domain}>"
