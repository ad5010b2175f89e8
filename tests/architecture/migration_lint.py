"""Lints all migrations: those of public apps in `public`, the others in a provider's schema.

An expand step may only add, so that the previous release can serve the schema; a contract step may
only take away (docs/decisions/0040). python -m tests.architecture.migration_lint
"""

import os
import re
import sys
from collections.abc import Iterator
from typing import Any

import django
from django_migration_linter.sql_analyser.base import Check, CheckMode, CheckType
from django_migration_linter.sql_analyser.postgresql import PostgresqlAnalyser

SHARED = ("accounts", "outbox", "operations")
PROVIDER = ("tenants", "usage", "billing", "integrations")
ACCEPTED = (
    # Drops a column that the previous release reads: its pages and closes that name a user fail,
    # with nothing half done, from the migration until its processes are replaced (decision 0036).
    "0010_names_by_id",
    # Unique on columns that it adds and fills. For the rows of the previous release, triggers fill
    # them (decision 0049).
    "0006_identities",
    # Released before the rule: adds a check that reads a short table.
    "0005_erasure",
)
# Refused in an expand step, the purpose of a contract step.
TAKES_AWAY = ("DROP_COLUMN", "DROP_TABLE", "NOT_NULL", "ADD_UNIQUE", "ADD_CONSTRAINT")
_CONSTRAINT = re.compile(r'ALTER TABLE ("[^"]+") ADD CONSTRAINT .*(?:CHECK|FOREIGN KEY|EXCLUDE)\b')


def adds_a_validated_constraint(statements: list[str], **_: object) -> bool:
    """Whether rows of a table that exists are read under its lock, to validate a constraint."""
    return any(
        (found := _CONSTRAINT.search(statement))
        and "NOT VALID" not in statement
        and not any(one.startswith(f"CREATE TABLE {found[1]}") for one in statements)
        for statement in statements
    )


class Expand(PostgresqlAnalyser):
    """Refuses what breaks the previous release, or blocks it for long."""

    migration_checks = (
        *PostgresqlAnalyser.migration_checks,
        Check(
            code="ADD_CONSTRAINT",
            fn=adds_a_validated_constraint,
            message="ADDING a constraint: use NOT VALID, or a contract step",
            mode=CheckMode.TRANSACTION,
            type=CheckType.ERROR,
        ),
    )


class Contract(Expand):
    """Refuses additions, which this release's code needs before the contract steps are taken."""

    migration_checks = (
        *Expand.migration_checks,
        Check(
            code="ADDITION",
            fn=lambda statement, **_: re.search(r"ADD COLUMN|CREATE TABLE", statement),
            message="ADDING in a contract step: use an expand step before it",
            mode=CheckMode.ONE_LINER,
            type=CheckType.ERROR,
        ),
    )


def lint(apps: tuple[str, ...], schema: str) -> bool:
    """Return whether no migration of `apps` would lock or break a running portal.

    In `public`, the router leaves out the tables of a provider's app, so `sqlmigrate` prints
    nothing. The schema need not exist, because the SQL is only printed.
    """
    from django_tenants.utils import schema_context

    with schema_context(schema):
        expand, contract = _linter(apps, Expand), _linter(apps, Contract, TAKES_AWAY)
        is_safe = [_lint(expand, contract, migration) for migration in _migrations_of(expand, apps)]
        for linter in (expand, contract):
            if linter.nb_total:
                linter.print_summary()
        required = list(still_required(expand.migration_loader, apps))
    for fault in required:
        sys.stdout.write(f"{fault}\n")
    return all(is_safe) and not required and expand.nb_total > expand.nb_ignored


def _linter(apps: tuple[str, ...], analyser: type, excluded: tuple[str, ...] = ()) -> Any:
    from django_migration_linter import MigrationLinter

    linter = MigrationLinter(
        include_apps=apps,
        ignore_name=ACCEPTED,
        no_cache=True,
        quiet=["ok", "ignore"],
        ignore_initial_migrations=False,
        exclude_migration_tests=excluded,
    )
    linter.sql_analyser_class = analyser
    return linter


def _migrations_of(linter: Any, apps: tuple[str, ...]) -> list[Any]:
    nodes = linter.migration_loader.graph.nodes
    return [nodes[key] for key in sorted(nodes) if key[0] in apps]


def _lint(expand: Any, contract: Any, migration: Any) -> bool:
    from accounts.releases import is_contract

    linter = contract if is_contract(migration.name) else expand
    before = linter.nb_erroneous
    linter.lint_migration(migration)
    return bool(linter.nb_erroneous == before)


def still_required(loader: Any, apps: tuple[str, ...]) -> Iterator[str]:
    """Each column that a contract step drops and that must have a value until then.

    This release's code adds rows without it between the expand and the contract steps.
    """
    from django.db.migrations.operations import RemoveField

    from accounts.releases import is_contract

    for key, migration in sorted(loader.graph.nodes.items()):
        if key[0] not in apps or not is_contract(key[1]):
            continue
        state = loader.project_state(key, at_end=False)
        for operation in migration.operations:
            if isinstance(operation, RemoveField):
                field = state.models[key[0], operation.model_name_lower].fields[operation.name]
                if not (field.null or field.many_to_many or field.has_db_default()):
                    yield (
                        f"({key[0]}, {key[1]}): {operation.model_name}.{operation.name} is required"
                        " until it is dropped; an expand step must make it nullable first."
                    )


def main() -> int:
    """Lint both sets of apps; returns 0 if all migrations are safe."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mtp.settings")
    django.setup()
    return 0 if all([lint(SHARED, "public"), lint(PROVIDER, "lint")]) else 1


if __name__ == "__main__":
    sys.exit(main())
