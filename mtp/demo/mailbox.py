"""Mails that Django's file backend writes: the demo has no mail server.

The backend puts the mails of one connection into one file, each followed by a line of dashes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import cast

from django.conf import settings

FILE_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
_SEPARATOR = b"\n" + b"-" * 79 + b"\n"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file in a mail; `type` is its MIME type."""

    name: str
    type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail of the folder. `name` is its file's name with its position in the file."""

    name: str
    message: EmailMessage

    @property
    def subject(self) -> str:
        """The subject."""
        return str(self.message["Subject"])

    @property
    def to(self) -> str:
        """The recipients, as in the header."""
        return str(self.message["To"])

    @property
    def sent_at(self) -> datetime:
        """The instant in the Date header, aware."""
        return cast(datetime, self.message["Date"].datetime)

    @property
    def attachments(self) -> list[Attachment]:
        """Its files."""
        return [
            Attachment(
                name=part.get_filename() or "attachment",
                type=part.get_content_type(),
                content=cast(bytes, part.get_payload(decode=True)),
            )
            for part in self.message.iter_attachments()
        ]

    def body(self, kind: str) -> str:
        """The "plain" or "html" part; empty if the mail has none."""
        part = self.message.get_body(preferencelist=(kind,))
        return str(part.get_content()) if part else ""


def uses_files() -> bool:
    """Whether mails are written into files here."""
    return bool(settings.EMAIL_BACKEND == FILE_BACKEND)


def mails(*, search: str = "") -> list[Mail]:
    """Headers of all mails with `search` in subject or recipients, newest first."""
    search = search.strip().lower()
    parser = BytesParser(policy=policy.default)
    headers = (Mail(name, parser.parsebytes(raw, headersonly=True)) for name, raw in _raw_mails())
    return [mail for mail in headers if search in f"{mail.subject} {mail.to}".lower()]


def find_mail(name: str) -> Mail | None:
    """The mail of this name, or None. No file outside the folder is read, whatever the name is."""
    raw = dict(_raw_mails()).get(name)
    return Mail(name, BytesParser(policy=policy.default).parsebytes(raw)) if raw else None


def _raw_mails() -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each mail, newest first."""
    # Django's settings have no EMAIL_FILE_PATH where another backend is used.
    folder = Path(str(getattr(settings, "EMAIL_FILE_PATH", "")))
    files = [path for path in folder.glob("*.log") if path.is_file()] if folder.is_dir() else []
    for path in sorted(files, key=lambda path: (path.stat().st_mtime_ns, path.name), reverse=True):
        for position, raw in reversed(list(enumerate(path.read_bytes().split(_SEPARATOR)))):
            if raw.strip():
                yield f"{path.name}.{position}", raw
