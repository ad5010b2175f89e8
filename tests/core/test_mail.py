"""A mail is queued first, sent by a worker, and has the same Message-ID when it is sent twice."""

import socket
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core import mail

from accounts.models import Provider
from core.mail import File, queue_mail, send
from core.outbox.delivery import deliver_due, try_again
from core.outbox.models import OutboxMessage
from core.schema import provider_schema

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


def queue(key: str = "k", **changed: object) -> None:
    values = {"to": ["a@x.example"], "subject": "Hello", "text": "Text", **changed}
    queue_mail(key=key, **values, now=NOON)


def test_a_mail_has_text_html_and_files(db: None) -> None:
    queue(subject="Two\n lines", html="<p>Text</p>", details={"number": 7})
    payload = OutboxMessage.objects.get().payload
    assert payload["number"] == 7
    send(payload, files=[File("a.pdf", b"bytes", "application/pdf")])
    (message,) = mail.outbox
    assert message.subject == "Two lines"
    assert message.alternatives == [("<p>Text</p>", "text/html")]
    assert message.attachments == [("a.pdf", b"bytes", "application/pdf")]
    assert message.extra_headers["Auto-Submitted"] == "auto-generated"


def test_a_mail_that_is_sent_twice_has_the_same_message_id(db: None) -> None:
    queue()
    deliver_due(now=NOON)
    OutboxMessage.objects.update(finished_at=None)
    deliver_due(now=NOON)
    first, second = (message.extra_headers["Message-ID"] for message in mail.outbox)
    assert first == second
    assert first.endswith("@mtp.example>")


def test_the_body_of_a_mail_is_blank_as_soon_as_it_is_sent(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"text": "https://portal.example/secret", "html": "<p>secret</p>"}
    queue(**body)
    stored = OutboxMessage.objects.get()

    def kept() -> dict[str, Any]:
        stored.refresh_from_db()
        return {key: stored.payload[key] for key in body}

    with monkeypatch.context() as patched:
        patched.setattr("core.mail.EmailMultiAlternatives.send", _refuse)
        deliver_due(now=NOON)
        assert stored.finished_at is None
        assert kept() == body, "it failed and will be sent later"
        while stored.dead_at is None:
            deliver_due(now=stored.due_at)
            assert kept() == body, "a person can have it sent again"
    try_again(message=stored, now=NOON)
    deliver_due(now=NOON)
    assert kept() == {"text": "", "html": ""}
    assert stored.payload["to"] == ["a@x.example"]
    assert mail.outbox[0].body == body["text"]


def _refuse(_: object) -> None:
    raise ValueError("no")


def test_message_ids_differ_between_mails_and_providers(north: Provider, south: Provider) -> None:
    queue("k")
    queue("other")
    for provider in (north, south):
        with provider_schema(provider):
            queue("k")
    deliver_due(now=NOON)
    assert len({message.extra_headers["Message-ID"] for message in mail.outbox}) == 4


def test_the_same_cause_sends_one_mail(db: None) -> None:
    queue("long" * 100)
    queue("long" * 100)
    deliver_due(now=NOON)
    assert len(mail.outbox) == 1


def test_a_mail_without_recipient_or_known_topic_is_not_queued(db: None) -> None:
    with pytest.raises(ValueError, match="recipient"):
        queue(to=[])
    with pytest.raises(KeyError):
        queue(topic="tests.unknown")


def test_a_mail_is_retried_when_the_server_refuses(db: None, settings: object) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    queue()
    deliver_due(now=NOON)
    message = OutboxMessage.objects.get()
    assert (message.attempts, message.finished_at) == (1, None)
    assert message.last_error.startswith("ConnectionRefusedError")


def test_sending_to_a_server_that_never_answers_times_out(db: None, settings: Any) -> None:
    assert settings.EMAIL_TIMEOUT < settings.OUTBOX_LEASE_SECONDS / 3
    settings.EMAIL_TIMEOUT = 0.2
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.EMAIL_HOST, settings.EMAIL_PORT = silent.getsockname()
        queue()
        deliver_due(now=NOON)
    message = OutboxMessage.objects.get()
    assert (message.finished_at, message.leased_until) == (None, None)
    assert "timed out" in message.last_error
