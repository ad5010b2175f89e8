"""Providers of the tests: made by the real provisioning, told apart by their ids."""

import itertools

from django.db import connection
from django.utils import timezone
from psycopg import sql

from accounts.models import Provider, SignInEvent
from accounts.provisioning import create_provider, provision
from mtp.outbox.models import OutboxMessage

# Each schema's sequences start in a range of its own, so no id of one means anything in another.
ID_RANGE = 100_000
_ranges = itertools.count(1)


def open_provider(*, canary: str, prefix: str, billing_time_zone: str = "UTC") -> Provider:
    """A provider with an empty schema, ready to work in."""
    now = timezone.now()
    provider = create_provider(
        name=f"{canary} IT",
        invoice_prefix=prefix,
        contact_name=f"Connie {canary}",
        contact_email=f"billing@{canary}.example".lower(),
        billing_time_zone=billing_time_zone,
        now=now,
    )
    provision(provider=provider, now=now)
    OutboxMessage.objects.filter(topic="accounts.provision", key=str(provider.pk)).delete()
    _offset_sequences(schema=provider.schema_name, start=next(_ranges) * ID_RANGE)
    return provider


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
