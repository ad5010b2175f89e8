"""Migration of every schema to this release: public, then each provider's.

Without `contract` only by its expand steps, which the previous release can serve too. A database
without any migration serves no release yet and gets all of them.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import partial

from django.conf import settings
from django.core.management import call_command
from django.db.migrations.executor import MigrationExecutor

from accounts.models import Provider
from accounts.provisioning.lock_waits import with_short_waits
from accounts.provisioning.release import note_contracted, note_expanded
from accounts.provisioning.schema_migrations import (
    ProviderMigrations,
    due,
    schema_exists,
    targets,
)
from accounts.provisioning.server_links import link_server
from core.postgresql.addresses import own_session
from core.schema import connection
from core.servers import on_server

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


def migrate_public_schemas(*, contract: bool) -> Iterator[SchemaResult]:
    """Migrate the public schema of every server, that of the directory last, and link the servers.

    A server gets a new column before the directory sends it. A server that fails is reported.
    Raises the error of a migration of the directory, and `ContractPending`.
    """
    for server in settings.DATABASE_SERVERS:
        yield _tried(
            f"public of server {server}", partial(_migrate_public_of, server, contract=contract)
        )
    yield migrate_public(contract=contract)
    for server in settings.DATABASE_SERVERS:
        yield _tried(f"providers of server {server}", partial(_link, server))


def _migrate_public_of(server: int, *, contract: bool) -> int:
    with on_server(server, whole=True):
        return migrate_public(contract=contract).applied


def _link(server: int) -> int:
    link_server(server)
    return 0


def _tried(name: str, do: Callable[[], int]) -> SchemaResult:
    try:
        return _migrated(name, do())
    except Exception as error:
        logger.exception("Migrating %s failed.", name)
        return SchemaResult(name, Outcome.FAILED, reason=_reason(error))


@own_session()
def migrate_public(*, contract: bool) -> SchemaResult:
    """Migrate the public schema.

    Raises the error of a migration, and `ContractPending`.
    """
    connection.set_schema_to_public()
    loader = MigrationExecutor(connection).loader
    missing = frozenset(loader.graph.nodes) - frozenset(loader.applied_migrations)
    contract = contract or not loader.applied_migrations
    ends = targets(loader, missing, contract=contract)
    if contract and loader.applied_migrations:
        note_contracted()
    wanted = due(missing, contract=contract)
    # Without a name it migrates to the ends of all apps, in a tenth of the time.
    for end in [()] if ends and wanted == missing else ends:
        with_short_waits(
            partial(
                call_command, "migrate_schemas", *end, shared=True, interactive=False, verbosity=0
            )
        )
    return _migrated("public", len(wanted))


def migrate_provider_schemas(*, contract: bool) -> Iterator[SchemaResult]:
    """Migrate the schema of every active provider, with one result each.

    A failing schema stays at its last good migration, and the other schemas continue. A schema at
    the target costs one small query. Run it outside of a transaction: it closes connections.
    """
    migrations = ProviderMigrations(contract=contract)
    active = Provider.objects.filter(state=Provider.State.ACTIVE)
    places = list(active.order_by("server", "pk").values_list("server", "schema_name"))
    for position, (server, schema) in enumerate(places, start=1):
        with on_server(server):
            yield _migrate_one(schema, migrations)
            if position % SCHEMAS_PER_CONNECTION == 0:
                connection.close()


def _migrate_one(schema: str, migrations: ProviderMigrations) -> SchemaResult:
    try:
        applied = 0
        if migrations.missing_in(schema=schema):
            if not schema_exists(schema=schema):
                return SchemaResult(schema, Outcome.FAILED, reason="the schema does not exist")
            applied = migrations.apply_to(schema=schema)
        note_expanded(schema=schema)
        return _migrated(schema, applied)
    except Exception as error:
        logger.exception("Migrating %s failed.", schema)
        connection.set_schema_to_public()
        return SchemaResult(schema, Outcome.FAILED, reason=_reason(error))


def _reason(error: Exception) -> str:
    reason = " ".join(str(error).split()) or type(error).__name__
    return f"{type(error).__name__}: {reason}"


def _migrated(schema: str, applied: int) -> SchemaResult:
    return SchemaResult(schema, Outcome.MIGRATED if applied else Outcome.AT_TARGET, applied=applied)
