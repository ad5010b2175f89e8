"""`migrate_providers`: every schema, without those at the target, also after a failure."""

from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_tenants.utils import schema_context
from psycopg import sql

from accounts.models import Provider
from accounts.provisioning.schema_migrations import ProviderMigrations
from accounts.provisioning.schema_rollout import Outcome, migrate_provider_schemas
from core.schema import provider_schema

MIGRATION = """
from django.db import migrations

class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_initial")]
    operations = [migrations.RunSQL("ALTER TABLE tenants_organization ADD COLUMN colour text")]
"""


def rollout() -> dict[str, tuple[Outcome, int]]:
    return {
        result.schema: (result.outcome, result.applied)
        for result in migrate_provider_schemas(contract=False)
    }


def has_colour(schema: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM information_schema.columns"
            " WHERE table_schema = %s AND table_name = 'tenants_organization'"
            " AND column_name = 'colour'",
            [schema],
        )
        return cursor.fetchone() is not None


def without_colour(schema: str) -> None:
    with schema_context(schema), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE tenants_organization DROP COLUMN IF EXISTS colour")
        cursor.execute("DELETE FROM django_migrations WHERE name = '9001_colour'")


@pytest.fixture
def next_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_provider: Callable[..., Provider]
) -> Iterator[tuple[Provider, Provider]]:
    """Two committed providers, and a release with one more migration."""
    early, late = own_provider(prefix="EARLY"), own_provider(prefix="LATE")
    package = tmp_path / "later_integrations"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "9001_colour.py").write_text(MIGRATION)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(
        settings, "MIGRATION_MODULES", {"integrations": "later_integrations"}, raising=False
    )
    yield early, late
    monkeypatch.undo()
    for provider in Provider.objects.all():
        without_colour(provider.schema_name)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM public.django_migrations WHERE name = '9001_colour'")


def test_a_release_reaches_every_schema_and_is_then_skipped(
    next_release: tuple[Provider, Provider],
) -> None:
    first = rollout()
    assert set(first.values()) == {(Outcome.MIGRATED, 1)}
    assert has_colour(next_release[0].schema_name)
    assert {outcome for outcome, _ in rollout().values()} == {Outcome.AT_TARGET}


def test_one_failure_is_reported_and_the_other_schemas_continue(
    next_release: tuple[Provider, Provider],
) -> None:
    early, late = next_release
    with provider_schema(early), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE tenants_organization ADD COLUMN colour text")
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("migrate_providers", stdout=out)
    assert ended.value.code == 1
    lines = {line.split()[0]: line for line in out.getvalue().splitlines()}
    assert 'failed: ProgrammingError: column "colour"' in lines[early.schema_name]
    assert "migrated (1)" in lines[late.schema_name]
    assert "failed" not in lines["public"]
    assert out.getvalue().splitlines()[-1].endswith("1 failed.")
    with provider_schema(early), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE tenants_organization DROP COLUMN colour")
    assert rollout()[early.schema_name] == (Outcome.MIGRATED, 1)


def test_a_new_provider_gets_the_new_release(
    next_release: tuple[Provider, Provider], own_provider: Callable[..., Provider]
) -> None:
    assert has_colour(own_provider(prefix="NEWEST").schema_name)


def test_a_missing_schema_is_reported(own_provider: Callable[..., Provider]) -> None:
    provider = own_provider(prefix="LOST")
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(provider.schema_name))
        )
    results = {result.schema: result for result in migrate_provider_schemas(contract=False)}
    assert results[provider.schema_name].reason == "the schema does not exist"


def test_a_provider_being_set_up_is_not_migrated(own_provider: Callable[..., Provider]) -> None:
    provider = own_provider(prefix="YOUNG")
    Provider.objects.filter(pk=provider.pk).update(state=Provider.State.PROVISIONING)
    assert provider.schema_name not in rollout()


def test_reading_a_schemas_migrations_does_not_list_the_database(north: Provider) -> None:
    migrations = ProviderMigrations()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert not migrations.missing_in(schema=north.schema_name)
    statements = [query["sql"] for query in queries if "search_path" not in query["sql"]]
    assert len(statements) == 2
    assert not any("pg_catalog.pg_class" in statement for statement in statements)
