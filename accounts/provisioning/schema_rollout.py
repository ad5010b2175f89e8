"""Migration of every schema to this release: public, then each provider's."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import partial

from django.core.management import call_command
from django.db.migrations.executor import MigrationExecutor

from accounts.models import Provider
from accounts.provisioning.lock_waits import with_short_waits
from accounts.provisioning.schema_migrations import ProviderMigrations, schema_exists
from core.postgresql.addresses import own_session
from core.schema import connection

logger = logging.getLogger(__name__)

# A connection caches every table that it uses: about 100 kB per schema
# (docs/facts/performance.md, Schemas).
SCHEMAS_PER_CONNECTION = 200


class Outcome(Enum):
    """The outcome of one schema."""

    MIGRATED = "migrated"
    AT_TARGET = "at target"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class SchemaResult:
    """The result of one schema: number of migrations applied, or the reason of a failure."""

    schema: str
    outcome: Outcome
    applied: int = 0
    reason: str = ""


@own_session()
def migrate_public() -> SchemaResult:
    """Migrate the public schema. Raises the error of a migration."""
    connection.set_schema_to_public()
    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if pending:
        migrate = partial(
            call_command, "migrate_schemas", shared=True, interactive=False, verbosity=0
        )
        with_short_waits(migrate)
    return _migrated("public", len(pending))


def migrate_provider_schemas() -> Iterator[SchemaResult]:
    """Migrate the schema of every active provider, with one result each.

    A failing schema stays at its last good migration, and the other schemas continue. A schema at
    the target costs one small query. Run it outside of a transaction: it closes connections.
    """
    migrations = ProviderMigrations()
    active = Provider.objects.filter(state=Provider.State.ACTIVE)
    names = list(active.order_by("pk").values_list("schema_name", flat=True))
    for position, schema in enumerate(names, start=1):
        yield _migrate_one(schema, migrations)
        if position % SCHEMAS_PER_CONNECTION == 0:
            connection.close()


def _migrate_one(schema: str, migrations: ProviderMigrations) -> SchemaResult:
    try:
        if not migrations.missing_in(schema=schema):
            return _migrated(schema, 0)
        if not schema_exists(schema=schema):
            return SchemaResult(schema, Outcome.FAILED, reason="the schema does not exist")
        return _migrated(schema, migrations.apply_to(schema=schema))
    except Exception as error:
        logger.exception("Migrating %s failed.", schema)
        connection.set_schema_to_public()
        reason = " ".join(str(error).split()) or type(error).__name__
        return SchemaResult(schema, Outcome.FAILED, reason=f"{type(error).__name__}: {reason}")


def _migrated(schema: str, applied: int) -> SchemaResult:
    return SchemaResult(schema, Outcome.MIGRATED if applied else Outcome.AT_TARGET, applied=applied)
