"""Bringing every schema to this release: public, then each provider's."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from django.core.management import call_command
from django.db.migrations.executor import MigrationExecutor

from accounts.models import Provider
from accounts.provisioning.schema_migrations import ProviderMigrations, schema_exists
from core.schema import connection

logger = logging.getLogger(__name__)

# A connection keeps a cache of every table it touched: about 100 kB a schema
# (docs/facts/performance.md, Schemas).
SCHEMAS_PER_CONNECTION = 200


class Outcome(Enum):
    """What came of one schema."""

    MIGRATED = "migrated"
    AT_TARGET = "at target"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class SchemaResult:
    """One schema's line of the report; `applied` counts migrations, `reason` is of a failure."""

    schema: str
    outcome: Outcome
    applied: int = 0
    reason: str = ""


def migrate_public() -> SchemaResult:
    """Bring the public schema to the target; the error of a migration goes on to the caller."""
    connection.set_schema_to_public()
    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if pending:
        call_command("migrate_schemas", shared=True, interactive=False, verbosity=0)
    return _done("public", len(pending))


def migrate_provider_schemas() -> Iterator[SchemaResult]:
    """Bring every open provider's schema to the target, one result each.

    A failing schema stays where its last good migration left it, and the others go on. Schemas at
    the target cost one small query. Must run outside a transaction: connections are recycled.
    """
    migrations = ProviderMigrations()
    open_providers = Provider.objects.filter(state=Provider.State.ACTIVE)
    names = list(open_providers.order_by("pk").values_list("schema_name", flat=True))
    for position, schema in enumerate(names, start=1):
        yield _migrate_one(schema, migrations)
        if position % SCHEMAS_PER_CONNECTION == 0:
            connection.close()


def _migrate_one(schema: str, migrations: ProviderMigrations) -> SchemaResult:
    try:
        if not migrations.missing_in(schema=schema):
            return _done(schema, 0)
        if not schema_exists(schema=schema):
            return SchemaResult(schema, Outcome.FAILED, reason="the schema does not exist")
        return _done(schema, migrations.apply_to(schema=schema))
    except Exception as error:
        logger.exception("Migrating %s failed.", schema)
        connection.set_schema_to_public()
        return _failed(schema, error)


def _done(schema: str, applied: int) -> SchemaResult:
    return SchemaResult(schema, Outcome.MIGRATED if applied else Outcome.AT_TARGET, applied=applied)


def _failed(schema: str, error: Exception) -> SchemaResult:
    reason = " ".join(str(error).split()) or type(error).__name__
    return SchemaResult(schema, Outcome.FAILED, reason=f"{type(error).__name__}: {reason}")
