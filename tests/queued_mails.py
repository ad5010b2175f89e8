"""The content of queued mails, also after they were sent."""

import re
from html import unescape
from typing import Any

from django.core import mail

from core.outbox.models import OutboxMessage

# What a context without a value, or a template that was misread, leaves behind.
UNFILLED = re.compile(r"\{\{|\}\}|\{%|%\}|\bNone\b|UNFILLED|object at 0x|&lt;|&amp;amp;")
# A value that is there and empty: a blank before a stop, a name without its value.
_GAP = re.compile(r" [.,;:](?:\s|$)|^\w[\w ]*:[ \t]*$", re.MULTILINE)
_PREHEADER = re.compile(r'<div style="display:none[^"]*">([^<]*)</div>')
_BUTTON = 'class="mail-button"'


def check_mail(mail: dict[str, Any], *, is_typed: bool = False) -> None:
    """Both parts say the same, in the one layout, with nothing unfilled.

    `is_typed`: it has text of a person, who may write anything.
    """
    subject, text, html = mail["subject"], mail["text"], mail["html"]
    assert html.startswith("<!DOCTYPE html>")
    for form in () if is_typed else (text, html, subject):
        assert not UNFILLED.search(form), (subject, UNFILLED.search(form))
    assert is_typed or not _GAP.search(text), (subject, _GAP.search(text))
    plain = " ".join(
        unescape(re.sub(r"<style.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL)).split()
    )
    assert " ".join(subject.split()) in plain
    (preheader,) = _PREHEADER.findall(html)
    assert len(preheader) > 10, subject
    assert html.count(_BUTTON) == 1, (subject, "one clear button")
    for said in ("You get this mail because", "Sent by", "through the Multi-Tenant Portal"):
        assert said in text, (subject, said)
        assert said in plain, (subject, said)
    # Dark mode: every color of the light theme hangs on a class that has one of the dark theme.
    assert "prefers-color-scheme: dark" in html
    for tag in re.findall(r"<[^>]*#5a6473[^>]*>", html):
        assert "mail-muted" in tag, tag
    (button,) = re.findall(r'<a href="([^"]*)" class="mail-button"', html)
    assert unescape(button).removeprefix("mailto:") in text, (subject, "the button's address")
    # Mail programs load nothing of ours: no picture, no script, no style sheet.
    assert not re.search(r"<(img|script|link)\b", html)


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
