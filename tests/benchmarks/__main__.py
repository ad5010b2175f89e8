"""Runs the benchmarks of this folder in a database of their own, which is dropped afterwards.

`python -m tests.benchmarks [--full] [--only NAME …]`; each module `bench_*.py` has
`run(*, full: bool) -> list[Result]`. One line per result: name, ratio, floor, limit.
"""

import argparse
import importlib
import os
import pkgutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

import tests.benchmarks
import tests.environment


@contextmanager
def database_of_its_own() -> Iterator[None]:
    """DATABASE_URL points to a fresh database beside the one it named."""
    url = urlsplit(os.environ["DATABASE_URL"])
    name = sql.Identifier(f"{url.path.strip('/')}_bench")
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        server.execute(sql.SQL("CREATE DATABASE {}").format(name))
        os.environ["DATABASE_URL"] = urlunsplit(url._replace(path=f"{url.path}_bench"))
        try:
            yield
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def set_up() -> None:
    """Settings, tables, and the template that providers are copied from."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mtp.settings")
    import django

    django.setup()
    from django.core.management import call_command
    from django.utils import timezone

    from accounts.schema_migrations import ProviderMigrations
    from accounts.schema_template import refresh_template

    call_command("migrate_schemas", schema_name="public", verbosity=0)
    refresh_template(migrations=ProviderMigrations(), now=timezone.now())


def main() -> int:
    """Run what was asked for; 1 when any ratio is over its limit."""
    there = [
        name.removeprefix("bench_")
        for _, name, _ in pkgutil.iter_modules(tests.benchmarks.__path__)
        if name.startswith("bench_")
    ]
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--full", action="store_true", help="at the size the limits are for")
    parser.add_argument("--only", nargs="+", choices=there, default=there, metavar="NAME")
    asked = parser.parse_args()
    is_good = True
    with database_of_its_own():
        set_up()
        for name in asked.only:
            module = importlib.import_module(f"tests.benchmarks.bench_{name}")
            for result in module.run(full=asked.full):
                sys.stdout.write(f"{result}\n")
                sys.stdout.flush()
                is_good = is_good and result.is_within
        from django.db import connections

        connections.close_all()
    return 0 if is_good else 1


if __name__ == "__main__":
    raise SystemExit(main())
