"""A provider's backup: one file with its schema and what a restore must know of the rest."""

import hashlib
import json
import os
import subprocess
import tempfile
import zipfile
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Self

from django.conf import settings
from django.db import connection, transaction

from accounts.models import Provider
from accounts.provisioning.schema_migrations import ProviderMigrations
from core.outbox.models import OutboxMessage
from core.postgresql.addresses import own_session
from core.servers import DIRECTORY, on_server

FORMAT = 1
MANIFEST, DUMP = "manifest.json", "schema.dump"
# PostgreSQL's own tools refuse a server that is newer than they are.
TOOL_MISSING = (
    "{tool} was not found. Install PostgreSQL's client tools of the server's major version, "
    "or name their directory in POSTGRES_BIN."
)


class BackupError(Exception):
    """A backup cannot be made, or this file cannot be restored; the message is for operations."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The facts of a backup that its schema does not hold.

    `taken_at` is the instant of its snapshot (UTC, ISO 8601). `last_message` is the highest outbox
    id at that instant, `pending` the ids of the provider's messages that were not finished then.
    `server` is the database server, whose ids these are.
    """

    format: int
    provider_id: str
    invoice_prefix: str
    schema_name: str
    taken_at: str
    migrations: list[list[str]]
    last_message: int
    pending: list[int]
    sha256: str = ""
    server: int = DIRECTORY

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read and check a backup's manifest and the hash of its dump; raises `BackupError`."""
        try:
            with zipfile.ZipFile(path) as file:
                manifest = cls(**json.loads(file.read(MANIFEST)))
                with file.open(DUMP) as dump:
                    found = _digest(dump)
        except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
            raise BackupError(f"{path} is no backup of a provider: {error}") from error
        if manifest.format != FORMAT:
            raise BackupError(f"{path} has format {manifest.format}; this release reads {FORMAT}.")
        if found != manifest.sha256:
            raise BackupError(f"{path} is damaged: the hash of its dump differs.")
        return manifest

    @property
    def instant(self) -> datetime:
        """The instant of the backup's snapshot."""
        return datetime.fromisoformat(self.taken_at)


@own_session()
def back_up(*, provider: Provider, path: Path) -> Manifest:
    """Write a backup of the provider's schema to a new file, while the provider works on.

    Schema and manifest are one snapshot. Raises `BackupError`; no file is left then.
    """
    if path.exists():
        raise BackupError(f"{path} exists already; a backup is never overwritten.")
    if connection.in_atomic_block:
        raise BackupError("A backup needs a transaction that is not begun yet.")
    with tempfile.TemporaryDirectory(dir=path.parent) as directory:
        dump = Path(directory) / DUMP
        with on_server(provider.server), transaction.atomic():
            manifest = _snapshot(provider, dump)
        with dump.open("rb") as file:
            digest = _digest(file)
        facts = asdict(manifest) | {"sha256": digest}
        whole = Path(directory) / "backup.zip"
        with zipfile.ZipFile(whole, "w") as target:  # the dump is compressed already
            target.writestr(MANIFEST, json.dumps(facts, indent=1))
            target.write(dump, DUMP)
        whole.chmod(0o600)
        whole.replace(path)
    return Manifest(**facts)


def _snapshot(provider: Provider, dump: Path) -> Manifest:
    """Dump the schema and read the manifest's facts in one exported snapshot."""
    schema = provider.schema_name
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SELECT pg_export_snapshot(), now()")
        snapshot, taken_at = cursor.fetchone()
    messages = OutboxMessage.objects.order_by("-pk")
    last = messages.values_list("pk", flat=True).first() or 0
    pending = messages.filter(schema_name=schema, finished_at=None).values_list("pk", flat=True)
    migrations = ProviderMigrations()
    applied = migrations.target - migrations.missing_in(schema=schema)
    manifest = Manifest(
        format=FORMAT,
        provider_id=str(provider.provider_id),
        invoice_prefix=provider.invoice_prefix,
        schema_name=schema,
        taken_at=taken_at.isoformat(),
        migrations=sorted([app, name] for app, name in applied),
        last_message=last,
        pending=sorted(pending),
        server=provider.server,
    )
    run_tool(
        "pg_dump",
        f"--schema={schema}",
        "--format=custom",
        "--no-owner",
        f"--snapshot={snapshot}",
        f"--file={dump}",
    )
    return manifest


def _digest(file: IO[bytes]) -> str:
    """The SHA-256 (hex) of a file, read in parts of a megabyte."""
    digest = hashlib.sha256()
    while part := file.read(1 << 20):
        digest.update(part)
    return digest.hexdigest()


def run_tool(name: str, *arguments: str) -> None:
    """Run one of PostgreSQL's tools against our database; raises `BackupError` with its message."""
    address: dict[str, Any] = connection.settings_dict
    environment = {
        "PGHOST": address["HOST"],
        "PGPORT": str(address["PORT"]),
        "PGUSER": address["USER"],
        "PGPASSWORD": address["PASSWORD"],
        "PGDATABASE": address["NAME"],
    }
    tool = str(Path(settings.POSTGRES_BIN) / name) if settings.POSTGRES_BIN else name
    try:
        done = subprocess.run(
            [tool, *arguments],
            env={**os.environ, **{key: value for key, value in environment.items() if value}},
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise BackupError(TOOL_MISSING.format(tool=name)) from error
    if done.returncode:
        raise BackupError(f"{name} failed: {done.stderr.strip()[-2000:]}")
