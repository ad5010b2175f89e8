"""Lints all migrations: those of public apps in `public`, the others in a provider's schema.

python -m tests.architecture.migration_lint
"""

import os
import sys

import django

SHARED = ("accounts", "outbox", "operations")
PROVIDER = ("tenants", "usage", "billing", "integrations")
ACCEPTED = (
    # Drops a column that the previous release reads: its pages and closes that name a user fail,
    # with nothing half done, from the migration until its processes are replaced (decision 0036).
    "0010_names_by_id",
    # Unique on columns that it adds and fills. For the rows of the previous release, triggers fill
    # them (decision 0049).
    "0006_identities",
)


def lint(apps: tuple[str, ...], schema: str) -> bool:
    """Return whether no migration of `apps` would lock or break a running portal.

    In `public`, the router leaves out the tables of a provider's app, so `sqlmigrate` prints
    nothing. The schema need not exist, because the SQL is only printed.
    """
    from django_migration_linter import MigrationLinter
    from django_tenants.utils import schema_context

    with schema_context(schema):
        linter = MigrationLinter(
            include_apps=apps,
            ignore_name=ACCEPTED,
            no_cache=True,
            quiet=["ok", "ignore"],
            ignore_initial_migrations=False,
        )
        linter.lint_all_migrations()
        linter.print_summary()
    return not linter.has_errors and linter.nb_total > linter.nb_ignored


def main() -> int:
    """Lint both sets of apps; returns 0 if all migrations are safe."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mtp.settings")
    django.setup()
    return 0 if all([lint(SHARED, "public"), lint(PROVIDER, "lint")]) else 1


if __name__ == "__main__":
    sys.exit(main())
