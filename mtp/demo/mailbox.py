"""Mails as Django's file backend keeps them: what a demo has instead of a mail server.

Files are named by the backend; several mails in one file stand behind each other, each closed by a
line of dashes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from pathlib import Path

from django.conf import settings

FILE_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
_CLOSING = b"\n" + b"-" * 79 + b"\n"
_NAME = re.compile(r"(?P<file>\d{8}-\d{6}-\d+\.log)\.(?P<position>\d{1,4})")


class NoSuchMail(Exception):
    """No mail of this name is kept."""


@dataclass(frozen=True, slots=True)
class Heading:
    """What a list shows of a mail; `name` finds it again, `sent_at` is aware."""

    name: str
    to: str
    subject: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A file that came with a mail."""

    name: str
    type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail with both its forms; `html` is empty for one of plain text."""

    heading: Heading
    text: str
    html: str
    enclosures: tuple[Enclosure, ...]


def is_kept_in_files() -> bool:
    """Whether mails go into files here, and can be read."""
    return bool(settings.EMAIL_BACKEND == FILE_BACKEND)


def headings(*, search: str = "") -> list[Heading]:
    """What is kept, newest first, with `search` in its subject or recipients."""
    wanted = search.strip().lower()
    parser = BytesHeaderParser(policy=policy.default)
    found = (
        _heading(parser.parsebytes(content), name=name)
        for path in _files()
        for name, content in reversed(list(_contents(path)))
    )
    return [one for one in found if wanted in f"{one.subject} {one.to}".lower()]


def mail(*, name: str) -> Mail:
    """One mail. Raises `NoSuchMail`, whatever the name."""
    match = _NAME.fullmatch(name)
    path = next((path for path in _files() if match and path.name == match["file"]), None)
    if path is None:
        raise NoSuchMail(name)
    content = dict(_contents(path)).get(name)
    if content is None:
        raise NoSuchMail(name)
    message = message_from_bytes(content, policy=policy.default)
    return Mail(
        heading=_heading(message, name=name),
        text=_body(message, "plain"),
        html=_body(message, "html"),
        enclosures=tuple(
            Enclosure(
                name=part.get_filename() or "attachment",
                type=part.get_content_type(),
                content=_bytes(part),
            )
            for part in message.iter_attachments()
        ),
    )


def _bytes(part: EmailMessage) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _files() -> list[Path]:
    # Only the file backend's setting is there.
    folder = Path(str(getattr(settings, "EMAIL_FILE_PATH", "")))
    files = [path for path in folder.glob("*.log") if path.is_file()] if folder.is_dir() else []
    return sorted(files, key=lambda path: (path.stat().st_mtime_ns, path.name), reverse=True)


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    for position, content in enumerate(path.read_bytes().split(_CLOSING)):
        if content.strip():
            yield f"{path.name}.{position}", content


def _heading(message: EmailMessage, *, name: str) -> Heading:
    sent_at: datetime = message["Date"].datetime
    return Heading(
        name=name, to=str(message["To"]), subject=str(message["Subject"]), sent_at=sent_at
    )


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part else ""
