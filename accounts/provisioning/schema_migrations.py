"""Bringing one provider's schema to the migrations of this release.

Django asks four times per schema for the list of every table in the database, which makes a run
over thousands of schemas quadratic; one look at the schema's own table is enough
(docs/facts/performance.md, Schemas).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from django.apps import apps
from django.conf import settings
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django_tenants.utils import schema_context
from psycopg import sql

from core.schema import connection

MigrationKey = tuple[str, str]


class _SchemaRecorder(MigrationRecorder):
    """Looks for `django_migrations` in the current schema only, by name."""

    _has_table: bool

    def has_table(self) -> bool:
        if not self._has_table:
            with connection.cursor() as cursor:
                name = f'"{connection.schema_name}".{self.Migration._meta.db_table}'
                cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [name])
                self._has_table = bool(cursor.fetchone()[0])
        return self._has_table


class _SchemaExecutor(MigrationExecutor):
    """Applies migrations of a graph that was read before, instead of reading it per schema."""

    def __init__(self, *, loader: MigrationLoader) -> None:
        self.connection = connection
        self.loader = loader
        self.recorder = _SchemaRecorder(connection)
        self.progress_callback = None
        # Django keeps rows of its table here, and looks at their keys only.
        loader.applied_migrations = cast("Any", self.recorder.applied_migrations())


def provider_app_labels() -> frozenset[str]:
    """The labels of the apps that live in each provider's schema."""
    names = set(settings.TENANT_APPS)
    return frozenset(app.label for app in apps.get_app_configs() if app.name in names)


class ProviderMigrations:
    """The migrations of this release, read once, to be applied to any number of schemas."""

    def __init__(self) -> None:
        self._loader = MigrationLoader(None)
        labels = provider_app_labels()
        self.target: frozenset[MigrationKey] = frozenset(
            key for key in self._loader.graph.nodes if key[0] in labels
        )
        self._leaves = [key for key in self._loader.graph.leaf_nodes() if key[0] in labels]
        # One graph serves all schemas; a squashed migration would need one per schema's history.
        squashed = [key for key in self._loader.replacements if key[0] in labels]
        if squashed:
            raise NotImplementedError(f"Squashed migrations of provider apps: {squashed}")

    def missing_in(self, *, schema: str) -> frozenset[MigrationKey]:
        """The migrations that the schema has not had; empty when it is at the target."""
        with schema_context(schema):
            return self.target - frozenset(_SchemaRecorder(connection).applied_migrations())

    def apply_to(self, *, schema: str) -> int:
        """Bring an existing schema to the target; returns how many migrations were applied.

        Two callers at once do it one after the other. A migration that fails is undone, those
        before it stay, and the error goes on to the caller.
        """
        with _one_at_a_time(schema), schema_context(schema):
            executor = _SchemaExecutor(loader=self._loader)
            missing = self.target - frozenset(self._loader.applied_migrations)
            if missing:
                executor.migrate(self._leaves)
            return len(missing)


@contextmanager
def _one_at_a_time(schema: str) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [f"migrate {schema}"])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [f"migrate {schema}"]
            )


def schema_exists(*, schema: str) -> bool:
    """Whether the database has a schema of exactly this name."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regnamespace(%s) IS NOT NULL", [f'"{schema}"'])
        return bool(cursor.fetchone()[0])


def create_schema(*, schema: str) -> None:
    """Make the schema, empty; raises ProgrammingError when it already exists."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
