"""Providers of the tests: made by the real provisioning, told apart by their ids.

Running the migrations takes a second or two, nine tenths of it in Python. Their SQL is recorded the
first time and run as it is for each further provider, which takes 0.2 s.
"""

import itertools
from typing import Any
from unittest.mock import patch

from django.db import connection
from django.utils import timezone
from django_tenants.utils import schema_context
from psycopg import sql

from accounts.models import Provider, SignInEvent
from accounts.provisioning.new_provider import create_provider, provision
from accounts.provisioning.schema_migrations import MigrationKey, ProviderMigrations
from core.outbox.models import OutboxMessage

# Each schema's sequences start in a range of its own, so no id of one means anything in another.
ID_RANGE = 100_000
_ranges = itertools.count(1)
# The SQL of each set of migrations; a test may add a migration.
_recorded: dict[frozenset[MigrationKey], str] = {}
_apply_to = ProviderMigrations.apply_to
# Questions, and what names the schema or belongs to one transaction.
_NOT_RECORDED = ("SELECT ", "SET search_path", "SAVEPOINT ", "RELEASE SAVEPOINT ")


def open_provider(*, canary: str, prefix: str, billing_time_zone: str = "UTC") -> Provider:
    """A provider with an empty schema, ready to work in.

    Only the first one in a process runs the migrations; see above.
    """
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
    _offset_sequences(schema=provider.schema_name, start=next(_ranges) * ID_RANGE)
    return provider


def replay_to(migrations: ProviderMigrations, *, schema: str) -> int:
    """`ProviderMigrations.apply_to` for an empty schema, by running the SQL it ran the first time.

    The text names no schema: each function takes its search path from the schema entered, as when
    it is migrated.
    """
    if migrations.target not in _recorded:
        return _record(migrations, schema=schema)
    with schema_context(schema), connection.cursor() as cursor:
        cursor.execute(_recorded[migrations.target])
    return len(migrations.target)


def _record(migrations: ProviderMigrations, *, schema: str) -> int:
    statements: list[str] = []

    def note(execute: Any, statement: Any, parameters: Any, many: bool, context: Any) -> Any:
        if many:
            raise NotImplementedError("A migration that calls executemany is not recorded.")
        text = str(statement)
        if not text.startswith(_NOT_RECORDED):
            statements.append(context["cursor"].mogrify(text, parameters) if parameters else text)
        return execute(statement, parameters, many, context)

    with connection.execute_wrapper(note):
        applied = _apply_to(migrations, schema=schema)
    sql_of_all = ";\n".join(statements)
    if schema in sql_of_all:
        raise AssertionError(f"A migration names the schema it runs in: {schema}.")
    _recorded[migrations.target] = sql_of_all
    return applied


def _offset_sequences(*, schema: str, start: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sequencename FROM pg_sequences"
            " WHERE schemaname = %s AND data_type = 'bigint'::regtype",
            [schema],
        )
        for (sequence,) in cursor.fetchall():
            cursor.execute(
                sql.SQL("ALTER SEQUENCE {}.{} RESTART WITH {}").format(
                    sql.Identifier(schema), sql.Identifier(sequence), sql.Literal(start)
                )
            )


def close_provider(provider: Provider) -> None:
    """Drop a throw-away provider with all that belongs to it."""
    connection.set_schema_to_public()
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(provider.schema_name))
        )
    OutboxMessage.objects.filter(schema_name=provider.schema_name).delete()
    SignInEvent.objects.filter(user__provider=provider).delete()
    provider.users.all().delete()
    provider.delete()
