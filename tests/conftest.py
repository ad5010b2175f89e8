"""Fixtures of all tests: two providers, created once per session and rolled back per test.

A test that uses the database takes `north`, `south`, `people` or `db` and runs in a transaction
that is rolled back. A test of races or faults needs commits and takes `own_provider`, a factory of
committed providers that are dropped afterwards. No table is truncated: counted tables refuse it.
"""

import importlib.util
import os
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from django.db import connection, connections
from django.test import Client
from django.test.utils import setup_databases, teardown_databases
from pytest_django import DjangoDbBlocker
from pytest_django.live_server_helper import LiveServer

from accounts.models import Provider, User
from accounts.provisioning.schema_migrations import ProviderMigrations
from core.operations.models import OperationsAlert
from core.postgresql.addresses import own_session
from tests.personas import CANARIES, Personas, create_personas
from tests.providers import RECORDING, close_provider, open_provider, replay_to
from tests.rendered import announce_rendered_pages

pytest_plugins = [
    name
    for name in ("tests.chromium", "tests.sandbox_fixtures", "tests.autotask_fixtures")
    if importlib.util.find_spec(name)
]

# A secure password hash costs 0.2 s per sign-in.
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

announce_rendered_pages()

FLUSHING = {"transactional_db", "live_server", "django_db_reset_sequences"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse fixtures that truncate the tables which all tests share."""
    for item in items:
        marker = item.get_closest_marker("django_db")
        if FLUSHING & set(getattr(item, "fixturenames", ())) or (marker and marker.kwargs):
            raise pytest.UsageError(
                f"{item.nodeid} would truncate the tables that all tests share: "
                "use `own_provider` (and `portal` for a server) for committed work."
            )


@pytest.fixture(scope="session")
def django_db_setup(
    *,
    django_test_environment: None,
    django_db_modify_db_settings: None,
    django_db_keepdb: bool,
    django_db_createdb: bool,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[None]:
    """The test database with both providers and their personas, committed.

    Replaces the fixture of pytest-django, which creates a test database only for tests with `db`. A
    run of committed tests alone would write into the database of DATABASE_URL.
    """
    keep = django_db_keepdb and not django_db_createdb
    os.environ[RECORDING] = str(tmp_path_factory.mktemp("recording") / "migrations.jsonl")
    with django_db_blocker.unblock():
        with own_session():
            connection.settings_dict["TEST"] = settings.DATABASES["default"]["TEST"]
            databases = setup_databases(
                verbosity=0, interactive=False, aliases={"default"}, keepdb=keep
            )
        if not Provider.objects.exists():
            create_personas(
                {
                    name: open_provider(canary=canary, prefix=name.upper())
                    for name, canary in CANARIES.items()
                }
            )
        connection.set_schema_to_public()
    yield
    if not django_db_keepdb:
        with django_db_blocker.unblock(), own_session():
            # A test may have put another connection in the place of the one that is closed there.
            connections.close_all()
            teardown_databases(databases, verbosity=0)


@pytest.fixture(autouse=True)
def _public_schema() -> Iterator[None]:
    """Each test starts in the public schema."""
    connection.set_schema_to_public()
    yield
    connection.set_schema_to_public()


@pytest.fixture
def north(db: None) -> Provider:
    """The provider of most tests; the test enters its schema."""
    return Provider.objects.get(invoice_prefix="NORTH")


@pytest.fixture
def south(db: None) -> Provider:
    """Another provider, which must never see data of north."""
    return Provider.objects.get(invoice_prefix="SOUTH")


@pytest.fixture
def people(north: Provider, south: Provider) -> Personas:
    """The personas: people.olive, .bill, .adam, .rita, .otto (north), .sofia (south), .staff."""
    return Personas(north=north, south=south)


@pytest.fixture
def sign_in() -> Callable[[Client, User], Client]:
    """`sign_in(client, user)`: a session for the user, without the sign-in form."""

    def sign_in(client: Client, user: User) -> Client:
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def committed(
    request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """Database access without a surrounding transaction: rows stay after the test.

    Raises UsageError if the test also takes a rolled-back fixture, whose rows no commit shows.
    """
    if "db" in request.fixturenames:
        raise pytest.UsageError("Either committed (own_provider, portal) or rolled back (db).")
    with django_db_blocker.unblock():
        yield
        connection.close()
        # Alerts of the platform belong to no provider that is dropped; later tests expect none.
        OperationsAlert.objects.all().delete()
        connection.close()


@pytest.fixture
def own_provider(committed: None) -> Iterator[Callable[..., Provider]]:
    """`own_provider()`: a committed provider with its schema, dropped after the test.

    `own_provider(canary="Racer", prefix="RACE", billing_time_zone="America/Denver")`.
    `tests.personas.create_persona` adds users to it.
    """
    opened: list[Provider] = []

    def own_provider(
        canary: str = "Wegwerf", prefix: str = "", billing_time_zone: str = "UTC"
    ) -> Provider:
        provider = open_provider(
            canary=canary,
            prefix=prefix or f"OWN{len(opened)}",
            billing_time_zone=billing_time_zone,
        )
        opened.append(provider)
        return provider

    yield own_provider
    for provider in opened:
        close_provider(provider)


@pytest.fixture
def recorded_schemas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Provisioning executes the recorded SQL instead of the migrations, as `open_provider` does."""
    monkeypatch.setattr(ProviderMigrations, "apply_to", replay_to)


@pytest.fixture(scope="session")
def _server(django_db_setup: None) -> Iterator[LiveServer]:
    # After the database, so that it stops and closes its connections before that is dropped.
    server = LiveServer("127.0.0.1")
    yield server
    server.stop()


@pytest.fixture
def portal(committed: None, _server: LiveServer) -> str:
    """The URL of the portal, served by this process for browsers; it sees committed rows only."""
    return str(_server.url)
