"""The database: its version and settings, the rights of the role, and the migrations."""

from collections.abc import Iterator

from django.db import DEFAULT_DB_ALIAS, connections
from django.utils import timezone

from accounts.models import Provider
from accounts.provisioning.release import fault_of_the_database
from accounts.provisioning.schema_migrations import ProviderMigrations
from core.operations.backup_watch import MEND, backup_slot
from core.postgresql.addresses import DIRECT
from core.replica import NoReplica, replica_lag
from core.schema import connection
from core.servers import current_server
from mtp.doctor.findings import Finding, note, problem

OLDEST_VERSION = 18
FEWEST_LOCKS = 512
SHOWN = 3
MOST_LAG_SECONDS = 60
# Settings without which a commit that was reported may be lost.
DURABLE = {
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "synchronous_commit": ("on", "local", "remote_write", "remote_apply"),
}

_SERVER = """
    SELECT current_setting('server_version'), current_setting('server_version_num')::int / 10000,
        current_setting('server_encoding'), current_setting('max_locks_per_transaction')::int,
        pg_size_pretty(pg_database_size(current_database()))
"""
_PLACE = "SELECT system_identifier::text, current_database() FROM pg_control_system()"
_ROLE = "SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
# Tables of the portal that the role may not read or write.
_WITHOUT_RIGHTS = """
    SELECT format('%%I.%%I', nspname, relname)
    FROM pg_class JOIN pg_namespace namespace ON namespace.oid = relnamespace
    WHERE relkind IN ('r', 'p') AND (nspname = 'public' OR nspname LIKE 'provider\\_%%')
        AND NOT (has_schema_privilege(namespace.oid, 'USAGE')
            AND has_table_privilege(pg_class.oid, 'SELECT')
            AND has_table_privilege(pg_class.oid, 'INSERT'))
    ORDER BY 1 LIMIT %s
"""


def server() -> Iterator[Finding]:
    """Version, encoding and settings of the server."""
    with connection.cursor() as cursor:
        cursor.execute(_SERVER)
        version, major, encoding, locks, size = cursor.fetchone()
        shown = {}
        for name in DURABLE:
            cursor.execute("SELECT current_setting(%s)", [name])
            (shown[name],) = cursor.fetchone()
    where = f"{connection.settings_dict['HOST']}, {connection.settings_dict['NAME']}"
    yield Finding("Database", f"PostgreSQL {version} at {where}; {size}.")
    if major < OLDEST_VERSION:
        yield problem(
            "Database",
            f"PostgreSQL {version} is older than {OLDEST_VERSION}.",
            f"Upgrade the server to PostgreSQL {OLDEST_VERSION}.",
        )
    if encoding != "UTF8":
        yield problem(
            "Database",
            f"Its encoding is {encoding}.",
            "Make the cluster again with initdb --encoding=UTF8, as docker-compose.yml does.",
        )
    if locks < FEWEST_LOCKS:
        yield problem(
            "Database",
            f"max_locks_per_transaction is {locks}: work over many schemas would end in an error.",
            "Set it to 1024 and restart the server.",
        )
    for name, allowed in DURABLE.items():
        if shown[name] not in allowed:
            yield problem(
                "Database",
                f"{name} is {shown[name]}: a payment that was recorded could be lost in a crash.",
                f"Set {name} = on at the server.",
            )


def addresses() -> Iterator[Finding]:
    """Whether the address beside the pooler leads to the same database."""
    if DIRECT not in connections:
        yield Finding("Pooler", "None: DATABASE_URL leads to PostgreSQL itself.")
        return
    if _place(DEFAULT_DB_ALIAS) == _place(DIRECT):
        yield Finding("Pooler", "It and DATABASE_DIRECT_URL lead to the same database.")
    else:
        yield problem(
            "Pooler",
            "DATABASE_URL and DATABASE_DIRECT_URL lead to different databases.",
            "Name the server behind the pooler in DATABASE_DIRECT_URL.",
        )


def replica() -> Iterator[Finding]:
    """Whether there is a replica, and how far it is behind."""
    try:
        lag = replica_lag()
    except NoReplica as error:
        yield problem("Replica", str(error), "Name a streaming replica, or leave it empty.")
        return
    if lag is None:
        yield Finding("Replica", "None: pages read the primary.")
    elif lag.seconds > MOST_LAG_SECONDS:
        yield problem(
            "Replica",
            f"It is {lag.seconds:,.0f} s behind, so pages read the primary.",
            "See pg_stat_replication at the primary, and the replica's log.",
        )
    else:
        yield Finding("Replica", f"{lag.bytes_of_log:,} bytes behind.")


def _place(alias: str) -> tuple[str, str]:
    """The cluster's identifier and the database's name."""
    with connections[alias].cursor() as cursor:
        cursor.execute(_PLACE)
        identifier, name = cursor.fetchone()
    return identifier, name


def role() -> Iterator[Finding]:
    """The role, which must read and write every table and be no superuser."""
    with connection.cursor() as cursor:
        cursor.execute(_ROLE)
        name, is_superuser, bypasses = cursor.fetchone()
        cursor.execute(_WITHOUT_RIGHTS, [SHOWN])
        tables = [table for (table,) in cursor.fetchall()]
    if is_superuser or bypasses:
        yield problem(
            "Database role",
            f"{name} is a superuser or passes row security: a fault in the portal could change "
            "everything in the server.",
            "Use a role of the portal alone; docs/install.md says which.",
        )
    elif tables:
        yield problem(
            "Database role",
            f"{name} may not read and write {', '.join(tables)}.",
            "Grant the role its rights as docs/install.md says.",
        )
    else:
        yield Finding("Database role", f"{name} reads and writes every table.")


def migrations() -> Iterator[Finding]:
    """Whether the entered server's public schema and its providers' are at this release."""
    if fault := fault_of_the_database():
        found, _, next_step = fault.rpartition(": ")
        yield problem("Migrations", f"{found}.", f"{next_step[0].upper()}{next_step[1:]}")
        return
    release = ProviderMigrations(contract=False)
    names = list(
        Provider.objects.filter(state=Provider.State.ACTIVE, server=current_server())
        .order_by("pk")
        .values_list("schema_name", flat=True)
    )
    behind = [schema for schema in names if release.missing_in(schema=schema)]
    if behind:
        yield problem(
            "Migrations",
            f"{len(behind)} of {len(names)} provider schemas are not at this release: "
            f"{', '.join(behind[:SHOWN])}.",
            "Run manage.py migrate_providers; it names the reason of each failure.",
        )
    else:
        yield Finding(
            "Migrations", f"Public and {len(names)} provider schemas are at this release."
        )


def backup() -> Iterator[Finding]:
    """Whether the backup of the whole database receives the log."""
    slot = backup_slot(now=timezone.now())
    if slot is None:
        yield note(
            "Backup",
            "Nothing receives PostgreSQL's log by the slot of deploy/barman/barman.conf.",
            "Set the backup up as docs/install.md says, unless the server is backed up otherwise.",
        )
    elif slot.fault:
        yield problem("Backup", slot.fault, MEND)
    else:
        yield Finding("Backup", "The log is received.")
