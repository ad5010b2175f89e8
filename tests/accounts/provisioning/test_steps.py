"""`migrate_providers` takes expand steps first, and contract steps only with `--contract`."""

import shutil
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django_tenants.utils import schema_context

from accounts.models import Provider
from accounts.provisioning.release import fault_of_the_database
from accounts.releases import this_release

ROOT = Path(__file__).resolve().parents[3]
TABLE = "tenants_organization"
MIGRATION = """
from django.db import migrations

class Migration(migrations.Migration):
    dependencies = [("integrations", "{after}")]
    operations = [migrations.RunSQL("{sql}")]
"""
COLOUR, WITHOUT, SIZE = "9001_colour", "9002_contract_colour", "9003_size"
Release = Callable[..., None]


@pytest.fixture
def provider(own_provider: Callable[..., Provider]) -> Provider:
    return own_provider(prefix="STEPS")


@pytest.fixture
def release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: Provider
) -> Iterator[Release]:
    """`release("9001_colour", …)`: this release has these steps more."""
    package = tmp_path / "later_steps"
    shutil.copytree(ROOT / "integrations/migrations", package)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(
        settings, "MIGRATION_MODULES", {"integrations": "later_steps"}, raising=False
    )

    def begin(*names: str) -> None:
        steps = {
            COLOUR: f"ALTER TABLE IF EXISTS {TABLE} ADD COLUMN colour text",
            WITHOUT: f"ALTER TABLE IF EXISTS {TABLE} DROP COLUMN colour",
            SIZE: f"ALTER TABLE IF EXISTS {TABLE} ADD COLUMN size text",
        }
        after = max(path.stem for path in package.glob("0*.py"))
        for name in names:
            (package / f"{name}.py").write_text(MIGRATION.format(after=after, sql=steps[name]))
            after = name
        this_release.cache_clear()

    yield begin
    monkeypatch.undo()
    this_release.cache_clear()
    release = this_release()
    Provider.objects.update(expand_steps=release.expand, contract_steps=release.contract)
    for one in ["public", *Provider.objects.values_list("schema_name", flat=True)]:
        with schema_context(one), connection.cursor() as cursor:
            for column in ("colour", "size"):
                cursor.execute(f"ALTER TABLE IF EXISTS {TABLE} DROP COLUMN IF EXISTS {column}")
            cursor.execute("DELETE FROM django_migrations WHERE name LIKE '9%'")


def has(provider: Provider, column: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM information_schema.columns"
            " WHERE (table_schema, table_name, column_name) = (%s, %s, %s)",
            [provider.schema_name, TABLE, column],
        )
        return cursor.fetchone() is not None


def migrate(*options: str) -> None:
    call_command("migrate_providers", *options, stdout=StringIO())


def test_contract_steps_wait_until_they_are_taken(provider: Provider, release: Release) -> None:
    before = this_release()
    release(COLOUR, WITHOUT)
    provider.refresh_from_db()
    assert not provider.is_active, "the new release does not serve the schema yet"
    migrate()
    provider.refresh_from_db()
    assert has(provider, "colour")
    assert (provider.expand_steps, provider.contract_steps) == (before.expand + 1, before.contract)
    assert provider.is_active
    assert fault_of_the_database() == ""
    migrate("--contract")
    provider.refresh_from_db()
    assert not has(provider, "colour")
    assert provider.contract_steps == before.contract + 1
    assert provider.is_active


def test_no_release_can_be_left_out(provider: Provider, release: Release) -> None:
    release(COLOUR, WITHOUT)
    migrate()
    release(COLOUR, WITHOUT, SIZE)
    with pytest.raises(CommandError, match=r"9003_size needs .*9002_contract_colour"):
        migrate()
    assert not has(provider, "size")
    release(COLOUR, WITHOUT)
    migrate("--contract")
    release(COLOUR, WITHOUT, SIZE)
    migrate()
    assert has(provider, "size")
    assert not has(provider, "colour")


def test_a_schema_that_failed_stays_behind(provider: Provider, release: Release) -> None:
    with schema_context(provider.schema_name), connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {TABLE} ADD COLUMN colour text")
    release(COLOUR)
    with pytest.raises(SystemExit):
        migrate()
    provider.refresh_from_db()
    assert not provider.is_active
    assert provider.state == Provider.State.ACTIVE


def test_a_new_provider_gets_every_step(
    release: Release, own_provider: Callable[..., Provider]
) -> None:
    release(COLOUR, WITHOUT)
    newest = own_provider(prefix="NEWST")
    assert not has(newest, "colour")
    assert newest.is_active
