"""A separate database for benchmarks and proofs, created before and dropped afterwards."""

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql


@contextmanager
def fresh_database() -> Iterator[None]:
    """Create an empty database on the server of DATABASE_URL, and point DATABASE_URL to it."""
    importlib.import_module("tests.environment")
    url = urlsplit(os.environ["DATABASE_URL"])
    # Named by the process, so that two proofs can run at once.
    path = f"{url.path}_own_{os.getpid()}"
    name = sql.Identifier(path.strip("/"))
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(name))
        os.environ["DATABASE_URL"] = urlunsplit(url._replace(path=path))
        try:
            yield
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def set_up() -> None:
    """Set Django up and create the tables of the public schema."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mtp.settings")
    import django

    django.setup()
    from accounts.provisioning.schema_rollout import migrate_public

    migrate_public(contract=False)


@contextmanager
def own_portal() -> Iterator[None]:
    """Django with a fresh database and the tables of the public schema, without a connection.

    With several servers, those of the environment: they were made for one proof.
    """
    if os.environ.get("DATABASE_SERVERS"):
        yield
        return
    with fresh_database():
        set_up()
        from django.db import connections

        connections.close_all()
        try:
            yield
        finally:
            connections.close_all()
