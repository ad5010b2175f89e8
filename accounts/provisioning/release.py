"""Whether the database is at this release: which of its migrations are missing."""

from functools import cache

from django.db.migrations.loader import MigrationLoader

from accounts.provisioning.schema_migrations import MigrationKey, provider_app_labels
from core.schema import connection


def missing_in_public() -> frozenset[MigrationKey]:
    """The migrations of the shared apps that the database lacks.

    Migrations of a later release are no fault: they only add what this one does not use.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.django_migrations') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return _shared_migrations()
        cursor.execute("SELECT app, name FROM public.django_migrations")
        return _shared_migrations() - frozenset(cursor.fetchall())


@cache
def _shared_migrations() -> frozenset[MigrationKey]:
    labels = provider_app_labels()
    graph = MigrationLoader(None).graph
    return frozenset(key for key in graph.nodes if key[0] not in labels)
