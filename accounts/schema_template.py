"""The template schema: migrated like any provider's, and dumped once per state to copy it.

A copy takes a fraction of the time that migrating an empty schema takes
(docs/facts/performance.md, Schemas).
"""

import hashlib
import re
from datetime import datetime

from django.db.transaction import TransactionManagementError

from accounts.models import SchemaTemplate
from accounts.pg_dump import dump_schema
from accounts.schema_migrations import ProviderMigrations, create_empty_schema
from mtp.schema import connection

TEMPLATE_SCHEMA = "template_provider"
SAFE_SCHEMA_NAME = re.compile(r"[a-z][a-z0-9_]{2,62}")
KEPT_DUMPS = 3


def migrations_digest(migrations: ProviderMigrations) -> str:
    """A name for the state that these migrations lead to."""
    listed = "\n".join(f"{app}.{name}" for app, name in sorted(migrations.target))
    return hashlib.sha256(listed.encode()).hexdigest()


def refresh_template(*, migrations: ProviderMigrations, now: datetime) -> int:
    """Migrate the template schema and keep its dump; returns how many migrations were applied.

    Does nothing that is done already. Raises what a migration or pg_dump raises, and
    TransactionManagementError inside a transaction: pg_dump would wait for it for ever.
    """
    if connection.in_atomic_block:
        raise TransactionManagementError("The template is dumped outside of transactions.")
    create_empty_schema(schema=TEMPLATE_SCHEMA)
    applied = migrations.apply_to(schema=TEMPLATE_SCHEMA)
    digest = migrations_digest(migrations)
    if applied or not SchemaTemplate.objects.filter(migrations_digest=digest).exists():
        SchemaTemplate.objects.update_or_create(
            migrations_digest=digest,
            defaults={"sql": _bare(dump_schema(schema=TEMPLATE_SCHEMA)), "dumped_at": now},
        )
        newest = SchemaTemplate.objects.order_by("-dumped_at").values("pk")[:KEPT_DUMPS]
        SchemaTemplate.objects.exclude(pk__in=list(newest.values_list("pk", flat=True))).delete()
    return applied


def template_sql(*, migrations: ProviderMigrations, now: datetime) -> str:
    """The kept dump of this release's schema, made now if it was not yet."""
    digest = migrations_digest(migrations)
    kept = SchemaTemplate.objects.filter(migrations_digest=digest).values_list("sql", flat=True)
    if not kept:
        refresh_template(migrations=migrations, now=now)
    return kept.get(migrations_digest=digest)


def copy_template(*, schema: str, template: str) -> None:
    """Run the template's SQL under another schema name, in the caller's transaction.

    The name replaces the template's everywhere, also where a function fixes its search path: a
    counting trigger must write into its own schema. Raises ValueError for a name that SQL would
    need to quote, and a database error when the schema exists.
    """
    if not SAFE_SCHEMA_NAME.fullmatch(schema):
        raise ValueError(f"{schema!r} is not a schema name of lower-case letters, digits and _.")
    statements = re.sub(rf"\b{TEMPLATE_SCHEMA}\b", schema, template)
    with connection.cursor() as cursor:
        # The dump names everything in full; bodies of functions are checked when they run.
        cursor.execute("SET LOCAL check_function_bodies = false")
        cursor.execute(statements)


def _bare(dump: str) -> str:
    """The dump without psql's own commands and without settings that would outlive it."""
    body = dump[dump.index("CREATE SCHEMA ") :]
    kept = (
        line
        for line in body.splitlines()
        if not line.startswith(("\\restrict", "\\unrestrict", "SET default_", "--"))
    )
    return "\n".join(kept)
