"""Migration of one provider's schema to this release.

Django lists every table of the database four times per schema, so a run over thousands of schemas
is quadratic. Here one query reads the schema's own table (docs/facts/performance.md, Schemas).
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

from accounts.provisioning.lock_waits import with_short_waits
from accounts.releases import MigrationKey, is_contract
from core.postgresql.addresses import own_session
from core.schema import connection


class ContractPending(RuntimeError):
    """An expand step needs a contract step of an earlier release that was not taken."""


def targets(
    loader: MigrationLoader, missing: frozenset[MigrationKey], *, contract: bool
) -> list[MigrationKey]:
    """The migrations to migrate to, which take along all before them; none if nothing is missing.

    Without `contract` the missing contract steps are left for later. Raises `ContractPending` if an
    expand step depends on one of them.
    """
    wanted = due(missing, contract=contract)
    later = missing - wanted
    for key in sorted(wanted):
        if before := later.intersection(loader.graph.forwards_plan(key)):
            raise ContractPending(
                f"{'.'.join(key)} needs {'.'.join(min(before))}: run migrate_providers --contract "
                "with the release before this one first."
            )
    nodes = loader.graph.node_map
    return sorted(key for key in wanted if not wanted.intersection(nodes[key].children))


def due(missing: frozenset[MigrationKey], *, contract: bool) -> frozenset[MigrationKey]:
    """The missing migrations, without the contract steps unless `contract`."""
    return frozenset(key for key in missing if contract or not is_contract(key[1]))


class _SchemaRecorder(MigrationRecorder):
    """Looks `django_migrations` up by name, in the current schema only."""

    _has_table: bool

    def has_table(self) -> bool:
        if not self._has_table:
            with connection.cursor() as cursor:
                name = f'"{connection.schema_name}".{self.Migration._meta.db_table}'
                cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [name])
                self._has_table = bool(cursor.fetchone()[0])
        return self._has_table


class _SchemaExecutor(MigrationExecutor):
    """Applies the migrations of a loaded graph, instead of loading it for each schema."""

    def __init__(self, *, loader: MigrationLoader) -> None:
        self.connection = connection
        self.loader = loader
        self.recorder = _SchemaRecorder(connection)
        self.progress_callback = None
        # Django stores rows here and reads their keys only.
        loader.applied_migrations = cast("Any", self.recorder.applied_migrations())


def provider_app_labels() -> frozenset[str]:
    """The labels of the apps that live in each provider's schema."""
    names = set(settings.TENANT_APPS)
    return frozenset(app.label for app in apps.get_app_configs() if app.name in names)


class ProviderMigrations:
    """The migrations of this release, loaded once and applied to any number of schemas.

    Without `contract`, its contract steps are left for later.
    """

    def __init__(self, *, contract: bool = True) -> None:
        self._contract = contract
        self._loader = MigrationLoader(None)
        labels = provider_app_labels()
        self.target: frozenset[MigrationKey] = frozenset(
            key for key in self._loader.graph.nodes if key[0] in labels
        )
        # A squashed migration would need a graph per schema, by the history of each.
        squashed = [key for key in self._loader.replacements if key[0] in labels]
        if squashed:
            raise NotImplementedError(f"Squashed migrations of provider apps: {squashed}")

    def missing_in(self, *, schema: str) -> frozenset[MigrationKey]:
        """The migrations that were not applied to the schema, of those that are due now."""
        with schema_context(schema):
            missing = self.target - frozenset(_SchemaRecorder(connection).applied_migrations())
            return due(missing, contract=self._contract)

    @own_session()
    def apply_to(self, *, schema: str) -> int:
        """Apply the missing migrations to an existing schema; return their number.

        Two callers at once wait for each other. A migration that fails is rolled back, those before
        it stay, and its error is raised.
        """
        with _one_at_a_time(schema), schema_context(schema):
            return with_short_waits(self._apply)

    def _apply(self) -> int:
        executor = _SchemaExecutor(loader=self._loader)
        missing = self.target - frozenset(self._loader.applied_migrations)
        if ends := targets(self._loader, missing, contract=self._contract):
            executor.migrate(ends)
        return len(due(missing, contract=self._contract))


@contextmanager
def _one_at_a_time(schema: str) -> Iterator[None]:
    with connection.cursor() as cursor:
        # As long as the other caller takes, which is within its own limits.
        cursor.execute("SET lock_timeout = 0")
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [f"migrate {schema}"])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [f"migrate {schema}"]
            )
            cursor.execute("RESET lock_timeout")


def schema_exists(*, schema: str) -> bool:
    """Whether the database has a schema of exactly this name."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regnamespace(%s) IS NOT NULL", [f'"{schema}"'])
        return bool(cursor.fetchone()[0])


def create_schema(*, schema: str) -> None:
    """Create an empty schema. Raises ProgrammingError if it already exists."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
