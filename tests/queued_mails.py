"""The content of queued mails, also after they were sent."""

from typing import Any

from django.core import mail

from core.outbox.models import OutboxMessage


def payload_of(message: OutboxMessage) -> dict[str, Any]:
    """The payload of a mail. A sent one has no body any more: it is that which was sent."""
    if message.finished_at is None:
        return message.payload
    (sent,) = {
        sent.body: sent
        for sent in mail.outbox
        if sent.extra_headers["Message-ID"] == message.payload["message_id"]
    }.values()
    html = next((content for content, _ in sent.alternatives), "")
    return {**message.payload, "text": sent.body, "html": html}
