"""A provider's schema is complete, separate, and created once."""

import os
import re
import subprocess
import sys
import threading

from django.db import close_old_connections, connection
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone
from psycopg import sql

from accounts.models import Provider
from accounts.provisioning.new_provider import (
    create_provider,
    provision,
    provision_by_task,
    retry_schema,
)
from accounts.provisioning.schema_migrations import (
    ProviderMigrations,
    provider_app_labels,
    schema_exists,
)
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tenants.models import ManagedUser, MeteringPolicy, Organization
from tests.database_url import database_url
from tests.personas import Personas
from tests.providers import replay_to
from usage.models import UsageEvent

# Every part of a schema, without the schema's name.
DESCRIPTION = """
SELECT 'column', table_name || '.' || column_name, data_type || is_nullable
       || coalesce(column_default, '') || coalesce(identity_generation, '')
FROM information_schema.columns WHERE table_schema = %(schema)s
UNION ALL
SELECT 'constraint', conrelid::regclass::text || ' ' || conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = to_regnamespace(%(schema)s)
UNION ALL
SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = %(schema)s
UNION ALL
SELECT 'trigger', tgname, pg_get_triggerdef(t.oid)
FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
WHERE c.relnamespace = to_regnamespace(%(schema)s) AND NOT tgisinternal
UNION ALL
SELECT 'function', proname, pg_get_functiondef(oid)
FROM pg_proc WHERE pronamespace = to_regnamespace(%(schema)s)
ORDER BY 1, 2, 3
"""

# PostgreSQL adds casts to a check when it reads the check back.
SPELLINGS = re.compile(r"::(text|character varying)|[()\[\]]")


def describe(schema: str) -> list[tuple[str, str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(DESCRIPTION, {"schema": schema})
        return [
            tuple(SPELLINGS.sub("", text.replace(schema, "SCHEMA")) for text in row)
            for row in cursor.fetchall()
        ]


def new_provider(prefix: str = "FRESH") -> Provider:
    return create_provider(
        name="Fresh",
        invoice_prefix=prefix,
        contact_name="Fay",
        contact_email="fay@fresh.example",
        now=timezone.now(),
    )


def drop(provider: Provider) -> None:
    from tests.providers import close_provider

    OutboxMessage.objects.filter(key=str(provider.pk)).delete()
    close_provider(provider)


def test_schemas_of_the_tests_equal_migrated_ones(north: Provider) -> None:
    """Also for a schema that replays the migrations' SQL, as `tests.providers` does for most."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA provider_migrated")
        cursor.execute("CREATE SCHEMA provider_replayed")
    migrations = ProviderMigrations()
    migrations.apply_to(schema="provider_migrated")
    replay_to(migrations, schema="provider_replayed")
    assert describe(north.schema_name) == describe("provider_migrated")
    assert describe("provider_replayed") == describe("provider_migrated")
    assert len(describe(north.schema_name)) > 100


def test_every_migration_of_a_provider_runs_in_a_transaction() -> None:
    """A new schema is migrated in one transaction, in which `atomic = False` fails."""
    graph = MigrationLoader(None).graph
    labels = provider_app_labels()
    outside = [key for key, found in graph.nodes.items() if key[0] in labels and not found.atomic]
    assert outside == []


def test_counting_triggers_write_to_their_own_schema(north: Provider, south: Provider) -> None:
    for provider in (north, south):
        with provider_schema(provider):
            organization = Organization.objects.create(name="Twin")
            ManagedUser.objects.create(organization=organization, email="a@twin.example")
    seen = {}
    with connection.cursor() as cursor:
        for provider in (north, south):
            table = sql.Identifier(provider.schema_name, "usage_usageevent")
            cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(table))
            seen[provider.schema_name] = cursor.fetchone()[0]
    assert seen == {north.schema_name: 1, south.schema_name: 1}


def test_a_function_called_from_elsewhere_still_acts_in_its_own_schema(
    north: Provider, south: Provider
) -> None:
    with provider_schema(north):
        organization = Organization.objects.create(name="Twin")
    with provider_schema(south), connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("INSERT INTO {} (organization_id, email) VALUES (%s, 'a@x.example')").format(
                sql.Identifier(north.schema_name, "tenants_manageduser")
            ),
            [organization.pk],
        )
        assert not UsageEvent.objects.exists()
    with provider_schema(north):
        assert UsageEvent.objects.count() == 1


def test_ids_of_two_providers_never_coincide(north: Provider, south: Provider) -> None:
    ids = []
    for provider in (north, south):
        with provider_schema(provider):
            ids.append(Organization.objects.create(name="Twin").pk)
    assert abs(ids[0] - ids[1]) >= 90_000


def test_a_test_leaves_no_rows(north: Provider, people: Personas) -> None:
    assert people.otto.organization_id == people.otto_organization.pk
    with provider_schema(north):
        assert list(Organization.objects.all()) == [people.otto_organization]


def test_a_new_schema_has_what_every_provider_needs(north: Provider) -> None:
    with provider_schema(north):
        assert MeteringPolicy.objects.current().billing_time_zone == north.billing_time_zone


def test_the_task_creates_the_schema(db: None) -> None:
    provider = new_provider()
    assert provider.state == Provider.State.PROVISIONING
    assert not schema_exists(schema=provider.schema_name)
    assert deliver_due(now=timezone.now()) == 1
    provider.refresh_from_db()
    assert provider.is_active
    with provider_schema(provider):
        assert Organization.objects.count() == 0


def test_provisioning_twice_changes_nothing(db: None) -> None:
    provider = new_provider()
    provision(provider=provider, now=timezone.now())
    with provider_schema(provider):
        Organization.objects.create(name="Kept")
    provision(provider=provider, now=timezone.now())
    with provider_schema(provider):
        assert Organization.objects.count() == 1


def test_a_failure_leaves_no_schema_and_stores_the_reason(db: None, failing_step: None) -> None:
    provider = new_provider()
    deliver_due(now=timezone.now())
    provider.refresh_from_db()
    assert provider.state == Provider.State.FAILED
    assert provider.state_detail == "RuntimeError: the power went out"
    assert not schema_exists(schema=provider.schema_name)


def test_a_failed_provider_is_set_up_by_a_retry(db: None) -> None:
    provider = new_provider()
    Provider.objects.filter(pk=provider.pk).update(state=Provider.State.FAILED)
    OutboxMessage.objects.update(dead_at=timezone.now(), attempts=6)
    retry_schema(provider=provider, now=timezone.now())
    deliver_due(now=timezone.now())
    provider.refresh_from_db()
    assert (provider.state, provider.state_detail) == (Provider.State.ACTIVE, "")


def test_an_existing_schema_is_never_taken_over(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA provider_fresh")
    provider = new_provider()
    deliver_due(now=timezone.now())
    provider.refresh_from_db()
    assert provider.state == Provider.State.FAILED
    assert "already exists" in provider.state_detail


def test_two_workers_at_once_create_one_schema(committed: None) -> None:
    provider = new_provider("RACER")
    errors: list[Exception] = []

    def work() -> None:
        try:
            with connection.cursor() as cursor:
                # A loaded machine may need longer for a schema than the limit of a process.
                cursor.execute("SET lock_timeout = 0")
            provision(provider=Provider.objects.get(pk=provider.pk), now=timezone.now())
        except Exception as error:  # noqa: BLE001 - shown by the assertion
            errors.append(error)
        finally:
            connection.close()

    try:
        workers = [threading.Thread(target=work) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        provider.refresh_from_db()
        assert (errors, provider.state) == ([], Provider.State.ACTIVE)
        close_old_connections()
    finally:
        drop(provider)


KILLED_IN_THE_MIDDLE = """
import os, signal, sys
import django
django.setup()
from django.utils import timezone
from accounts.models import Provider
from accounts.provisioning.new_provider import on_new_provider, provision
on_new_provider(lambda provider, now: os.kill(os.getpid(), signal.SIGKILL))
provision(provider=Provider.objects.get(pk=int(sys.argv[1])), now=timezone.now())
"""


def test_a_killed_worker_leaves_nothing_behind(committed: None) -> None:
    provider = new_provider("KILLED")
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "mtp.settings",
        "DATABASE_URL": database_url(),
    }
    try:
        run = subprocess.run(
            [sys.executable, "-c", KILLED_IN_THE_MIDDLE, str(provider.pk)],
            env=environment,
            check=False,
        )
        assert run.returncode == -9
        assert not schema_exists(schema=provider.schema_name)
        provision(provider=provider, now=timezone.now())
        assert Provider.objects.get(pk=provider.pk).is_active
    finally:
        drop(provider)


def test_the_task_changes_nothing_for_an_active_provider(north: Provider) -> None:
    provision_by_task({"id": north.pk}, timezone.now())
    assert Provider.objects.get(pk=north.pk).is_active
