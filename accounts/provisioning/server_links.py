"""Logical replication of the table of providers between the directory and the other servers.

Every server has a copy: tables beside the providers refer to it, and a provider's transaction locks
and changes its row there. Each column has one writer. The directory sends all but `SERVER_COLUMNS`
to every server; a server sends those back. No row is sent on (`origin = none`), so nothing circles.
Run by the owner of the tables, at each release; a second run changes nothing.
"""

import re
import time

from django.apps import apps
from django.conf import settings
from django.db import OperationalError, connections
from psycopg import sql
from psycopg.conninfo import make_conninfo

from accounts.models import Provider
from accounts.models.provider import SERVER_COLUMNS
from core.schema import connection
from core.servers import DIRECTORY, alias_of, on_server

TABLE = Provider._meta.db_table
DOWN, UP = "mtp_providers", "mtp_provider_columns"
# Ids of rows beside providers are unique over all servers, so that rows move with their provider.
IDS_PER_SERVER = 2**40
READY_SECONDS = 60.0


class NotReplicated(OperationalError):
    """A server's copy did not become ready; its PostgreSQL log says why."""


def link_server(server: int) -> None:
    """Connect the table of providers of the directory and of this server, both ways.

    Raises `NotReplicated`, and the database's error where a role may not replicate.
    """
    names = {column.column for column in Provider._meta.concrete_fields}
    directory_columns = sorted(names - set(SERVER_COLUMNS))
    with on_server(DIRECTORY):
        _publish(DOWN, directory_columns, operations="insert, update, delete")
    with on_server(server, whole=True):
        _publish(UP, ["id", *SERVER_COLUMNS], operations="update")
        _separate_ids(server)
        # A change that the directory sends has its rounds look too (docs/decisions/0044).
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE public.{TABLE} ENABLE ALWAYS TRIGGER provider_changed")
        _subscribe(DOWN, publisher=DIRECTORY, subscriber=server, copies=True)
    with on_server(DIRECTORY):
        _subscribe(UP, publisher=server, subscriber=server, copies=False)


def _publish(name: str, columns: list[str], *, operations: str) -> None:
    table = sql.SQL("{} ({})").format(
        sql.Identifier("public", TABLE), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_publication WHERE pubname = %s", [name])
        statement = sql.SQL("CREATE PUBLICATION {} FOR TABLE {} WITH (publish = {})")
        if cursor.fetchone() is not None:
            statement = sql.SQL("ALTER PUBLICATION {} SET TABLE {}")
        cursor.execute(statement.format(sql.Identifier(name), table, sql.Literal(operations)))


def _subscribe(publication: str, *, publisher: int, subscriber: int, copies: bool) -> None:
    """Subscribe the entered server; `subscriber` is the number in the name."""
    name = link_name(publication, subscriber)
    address = address_of(publisher)
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_subscription WHERE subname = %s", [name])
        if cursor.fetchone() is not None:
            # The password may be another one.
            statement = sql.SQL("ALTER SUBSCRIPTION {} CONNECTION {}")
            cursor.execute(statement.format(sql.Identifier(name), sql.Literal(address)))
            return
        statement = sql.SQL(
            "CREATE SUBSCRIPTION {} CONNECTION {} PUBLICATION {}"
            " WITH (copy_data = {}, origin = none, slot_name = {})"
        )
        cursor.execute(
            statement.format(
                sql.Identifier(name),
                sql.Literal(address),
                sql.Identifier(publication),
                sql.Literal(copies),
                sql.Literal(name),
            )
        )
    wait_until_ready(name)


def link_name(purpose: str, server: int) -> str:
    """The name of a subscription and of its slot, which is unique in a cluster of databases."""
    database = str(connections.settings[alias_of(DIRECTORY)]["NAME"])
    return re.sub(r"[^a-z0-9_]", "_", f"{purpose}_{server}_{database}".lower())[:63]


def address_of(server: int) -> str:
    """The connection string by which other servers reach this one."""
    place = connections.settings[alias_of(server)]
    parts = {
        "host": place["HOST"],
        "port": place["PORT"],
        "user": place["USER"],
        "password": place["PASSWORD"],
        "dbname": place["NAME"],
    }
    return make_conninfo(**{key: str(part) for key, part in parts.items() if part})


def wait_until_ready(subscription: str, *, seconds: float = READY_SECONDS) -> None:
    """Wait until every table of the entered server's subscription is copied and followed.

    Raises `NotReplicated`.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FILTER (WHERE srsubstate <> 'r') FROM pg_subscription_rel"
                " JOIN pg_subscription ON pg_subscription.oid = srsubid WHERE subname = %s",
                [subscription],
            )
            if cursor.fetchone()[0] == 0:
                return
        time.sleep(0.05)
    raise NotReplicated(f"{subscription} is not ready after {seconds:,.0f} seconds.")


def _separate_ids(server: int) -> None:
    lowest = (server - 1) * IDS_PER_SERVER
    models = [apps.get_model(name) for name in settings.MODELS_BESIDE_PROVIDERS]
    tables = [f"public.{model._meta.db_table}" for model in models]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval(name, %(lowest)s) FROM unnest(%(tables)s::text[]) AS t (name_of_table),"
            " LATERAL (SELECT pg_get_serial_sequence(name_of_table, a.attname) AS name"
            " FROM pg_attribute a WHERE a.attrelid = name_of_table::regclass"
            " AND a.attname = 'id') s"
            " WHERE name IS NOT NULL AND coalesce(pg_sequence_last_value(name), 0) < %(lowest)s",
            {"tables": tables, "lowest": lowest},
        )
