"""Providers of the tests, created by the real provisioning and with distinct ranges of ids.

Migrating a schema takes one to two seconds, nine tenths of it in Python. The SQL of the first
provider's migrations is recorded and executed for each further provider, which takes 0.2 s, also in
the processes that a test starts.
"""

import itertools
import json
import os
from pathlib import Path
from typing import Any
from unittest.mock import patch

from django.db import connection
from django.utils import timezone
from django_tenants.utils import schema_context
from psycopg import sql

from accounts.models import Provider, SignInEvent
from accounts.provisioning.new_provider import create_provider, provision
from accounts.provisioning.schema_migrations import MigrationKey, ProviderMigrations
from core.operations.alerts import ALERT_MAIL
from core.operations.models import OperationsAlert
from core.outbox.models import OutboxMessage
from core.servers import on_server

# The sequences of each schema start in a separate range, so an id of one exists in no other.
ID_RANGE = 100_000
_ranges = itertools.count(1)
# Recorded SQL by set of migrations, because a test may add a migration.
_recorded: dict[frozenset[MigrationKey], str] = {}
# Names the file in which a run of the tests keeps what it records, for its processes.
RECORDING = "MTP_TESTS_RECORDING"
_apply_to = ProviderMigrations.apply_to
# Queries, and statements that name the schema or belong to one transaction.
_NOT_RECORDED = ("SELECT ", "SET search_path", "SAVEPOINT ", "RELEASE SAVEPOINT ")


def open_provider(*, canary: str, prefix: str, billing_time_zone: str = "UTC") -> Provider:
    """Create a provider with an empty schema; only the first of a process runs the migrations."""
    now = timezone.now()
    provider = create_provider(
        name=f"{canary} IT",
        invoice_prefix=prefix,
        contact_name=f"Connie {canary}",
        contact_email=f"billing@{canary}.example".lower(),
        billing_time_zone=billing_time_zone,
        now=now,
    )
    with patch.object(ProviderMigrations, "apply_to", replay_to):
        provision(provider=provider, now=now)
    OutboxMessage.objects.filter(topic="accounts.provision", key=str(provider.pk)).delete()
    with on_server(provider.server):
        _offset_sequences(schema=provider.schema_name, start=next(_ranges) * ID_RANGE)
    return provider


def replay_to(migrations: ProviderMigrations, *, schema: str) -> int:
    """Replace `ProviderMigrations.apply_to` for an empty schema by executing the recorded SQL.

    The SQL names no schema: each function takes its search path from the current schema, as during
    a migration.
    """
    if migrations.target not in _recorded:
        _recorded.update(_recorded_by_others())
    if migrations.target not in _recorded:
        return _record(migrations, schema=schema)
    with schema_context(schema), connection.cursor() as cursor:
        cursor.execute(_recorded[migrations.target])
    return len(migrations.target)


def _record(migrations: ProviderMigrations, *, schema: str) -> int:
    statements: list[str] = []

    def record(execute: Any, statement: Any, parameters: Any, many: bool, context: Any) -> Any:
        if many:
            raise NotImplementedError("A migration that calls executemany is not recorded.")
        text = str(statement)
        if not text.startswith(_NOT_RECORDED):
            statements.append(context["cursor"].mogrify(text, parameters) if parameters else text)
        return execute(statement, parameters, many, context)

    with connection.execute_wrapper(record):
        applied = _apply_to(migrations, schema=schema)
    recorded = ";\n".join(statements)
    if schema in recorded:
        raise AssertionError(f"A migration names the schema it runs in: {schema}.")
    _recorded[migrations.target] = recorded
    if path := os.environ.get(RECORDING):
        keys = sorted(migrations.target)
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps([keys, recorded]) + "\n")
    return applied


def _recorded_by_others() -> dict[frozenset[MigrationKey], str]:
    path = Path(os.environ.get(RECORDING) or os.devnull)
    lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
    recordings = map(json.loads, lines)
    return {frozenset((app, name) for app, name in keys): text for keys, text in recordings}


def _offset_sequences(*, schema: str, start: int) -> None:
    # Unlike ALTER SEQUENCE, this writes no new file for each of them.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval(format('%%I.%%I', schemaname, sequencename)::regclass, %s, false)"
            " FROM pg_sequences WHERE schemaname = %s AND data_type = 'bigint'::regtype",
            [start, schema],
        )


def close_provider(provider: Provider) -> None:
    """Drop a provider, its schema, users and outbox messages."""
    with on_server(provider.server, whole=True):
        connection.set_schema_to_public()
        with connection.cursor() as cursor:
            cursor.execute(
                sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(
                    sql.Identifier(provider.schema_name)
                )
            )
        OutboxMessage.objects.filter(schema_name=provider.schema_name).delete()
        # Mails about the provider's alerts are messages of the platform.
        OutboxMessage.objects.filter(topic=ALERT_MAIL).delete()
        OperationsAlert.objects.filter(schema_name=provider.schema_name).delete()
    SignInEvent.objects.filter(user__provider=provider).delete()
    provider.users.all().delete()
    provider.delete()
