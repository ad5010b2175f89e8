"""A new database for a benchmark or a proof, beside the configured one; dropped afterwards."""

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql


@contextmanager
def database_of_its_own() -> Iterator[None]:
    """DATABASE_URL points to a fresh database beside the one it named."""
    importlib.import_module("tests.environment")
    url = urlsplit(os.environ["DATABASE_URL"])
    # The process in its name: two proofs may run side by side.
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
    """Settings, and the tables of the public schema."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mtp.settings")
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate_schemas", schema_name="public", verbosity=0)
