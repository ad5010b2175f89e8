"""Whether this release can serve the database: a process that can't does not start."""

from datetime import datetime
from functools import cache

from django.db.utils import InterfaceError, OperationalError

from accounts.models import Provider
from accounts.provider_batches import close_connection
from accounts.provisioning.schema_migrations import provider_app_labels
from accounts.releases import MigrationKey, is_contract, migration_names, this_release
from core.operations.alerts import Cause, found_everywhere
from core.operations.kinds import alert_kind
from core.schema import connection
from core.servers import DIRECTORY, on_server

BEHIND = alert_kind("accounts.schema_behind", title="A provider's schema is not at this release")


def missing_in_public() -> frozenset[MigrationKey]:
    """The expand steps of the shared apps that the database lacks.

    Those of a later release are no fault: they only add what this one does not use.
    """
    return frozenset(
        (label, name) for label, name in _shared_migrations() - _applied() if not is_contract(name)
    )


def unknown_contracts() -> frozenset[MigrationKey]:
    """The contract steps of a later release in the database: they took away what this one uses."""
    known = frozenset(migration_names())
    return frozenset(key for key in _applied() - known if is_contract(key[1]))


def fault_of_the_database() -> str:
    """Why this release can't serve the public schema, in a sentence; "" if it can."""
    if contracts := unknown_contracts():
        return (
            f"A later release has taken away what this one uses ({'.'.join(min(contracts))}): "
            "start that release."
        )
    if missing := missing_in_public():
        return (
            f"The database lacks {len(missing)} migrations of this release, such as "
            f"{'.'.join(min(missing))}: run manage.py migrate_providers."
        )
    return ""


def refuse_a_database_of_another_release() -> None:
    """End a process that starts, if this release can't serve the database; raises `SystemExit`.

    Without the database it starts: requests get 503 until the database answers, and `/ready` tells.
    """
    try:
        fault = fault_of_the_database()
    except (OperationalError, InterfaceError):
        return
    finally:
        # The processes that are forked from this one must not inherit a connection.
        close_connection()
    if fault:
        raise SystemExit(f"The portal does not start. {fault}")


def note_expanded(*, schema: str) -> None:
    """Store on the provider that its schema has the expand steps of this release.

    It is stored there so that a request needs no statement to know it.
    """
    expand = this_release().expand
    with on_server(DIRECTORY):
        behind = Provider.objects.filter(schema_name=schema, expand_steps__lt=expand)
        behind.update(expand_steps=expand)


def note_contracted() -> None:
    """Store on each provider that this release's contract steps begin: earlier releases refuse."""
    contract = this_release().contract
    with on_server(DIRECTORY):
        Provider.objects.filter(contract_steps__lt=contract).update(contract_steps=contract)


def watch_schemas(*, now: datetime) -> None:
    """Open an alert for each active provider whose schema is behind, and settle the others."""
    behind = Provider.objects.filter(
        state=Provider.State.ACTIVE, expand_steps__lt=this_release().expand
    )
    causes = {
        provider.schema_name: [
            Cause(
                key="behind",
                summary=f"{provider} gets 503 and its work waits: its schema lacks migrations of "
                "this release.",
                next_step="Run manage.py migrate_providers; it names the reason of each failure.",
            )
        ]
        for provider in behind
    }
    found_everywhere(kind=BEHIND, causes=causes, now=now)


def _applied() -> frozenset[MigrationKey]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.django_migrations') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return frozenset()
        cursor.execute("SELECT app, name FROM public.django_migrations")
        return frozenset(cursor.fetchall())


@cache
def _shared_migrations() -> frozenset[MigrationKey]:
    labels = provider_app_labels()
    return frozenset(key for key in migration_names() if key[0] not in labels)
