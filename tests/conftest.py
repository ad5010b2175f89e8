"""What every test stands on: two providers built once per session, rolled back per test.

A test that needs the database asks for `north`, `south`, `people` or `db` and runs in a transaction
that is rolled back. A race or a fault needs commits: it asks for `own_provider`, a factory of
committed providers that are dropped afterwards. Nothing is ever truncated: counting tables refuse.
"""

import importlib.util
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import setup_databases, teardown_databases
from pytest_django import DjangoDbBlocker
from pytest_django.live_server_helper import LiveServer

from accounts.models import Provider, User
from tests.personas import CANARIES, Personas, create_personas
from tests.providers import close_provider, open_provider
from tests.rendered import announce_rendered_pages

pytest_plugins = [
    name
    for name in ("tests.chromium", "tests.sandbox_fixtures", "tests.autotask_fixtures")
    if importlib.util.find_spec(name)
]

# Passwords of tests protect nothing, and a good hash costs 0.2 s a sign-in.
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

announce_rendered_pages()

FLUSHING = {"transactional_db", "live_server", "django_db_reset_sequences"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse what would empty the public tables for all later tests."""
    for item in items:
        marker = item.get_closest_marker("django_db")
        if FLUSHING & set(getattr(item, "fixturenames", ())) or (marker and marker.kwargs):
            raise pytest.UsageError(
                f"{item.nodeid} would truncate the tables every test shares: "
                "use `own_provider` (and `portal` for a server) for committed work."
            )


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None,
    django_db_modify_db_settings: None,
    django_db_keepdb: bool,
    django_db_createdb: bool,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[None]:
    """The test database with both providers and the cast, committed.

    Replaces pytest-django's, which makes no test database for a run without the `db` fixture:
    committed tests alone would then write into the database of DATABASE_URL.
    """
    keep = django_db_keepdb and not django_db_createdb
    with django_db_blocker.unblock():
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
        with django_db_blocker.unblock():
            teardown_databases(databases, verbosity=0)


@pytest.fixture(autouse=True)
def _public_schema() -> Iterator[None]:
    """Every test starts in public, whatever the last one entered."""
    connection.set_schema_to_public()
    yield
    connection.set_schema_to_public()


@pytest.fixture
def north(db: None) -> Provider:
    """The provider most tests play in; its schema is entered explicitly."""
    return Provider.objects.get(invoice_prefix="NORTH")


@pytest.fixture
def south(db: None) -> Provider:
    """Its competitor, who must never see anything of it."""
    return Provider.objects.get(invoice_prefix="SOUTH")


@pytest.fixture
def people(north: Provider, south: Provider) -> Personas:
    """The cast: people.olive, .bill, .adam, .rita, .otto (north), .sofia (south), .staff."""
    return Personas(north=north, south=south)


@pytest.fixture
def sign_in() -> Callable[[Client, User], Client]:
    """`sign_in(client, person)`: a session for the person, without the form."""

    def do(client: Client, person: User) -> Client:
        client.force_login(person)
        return client

    return do


@pytest.fixture
def committed(
    request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """Database access without a surrounding transaction: whatever is written stays.

    Raises where the test also asks for a rolled-back fixture: the two don't see each other.
    """
    if "db" in request.fixturenames:
        raise pytest.UsageError("Either committed (own_provider, portal) or rolled back (db).")
    with django_db_blocker.unblock():
        yield
        connection.close()


@pytest.fixture
def own_provider(committed: None) -> Iterator[Callable[..., Provider]]:
    """`own_provider()`: a committed provider with a schema of its own, dropped afterwards.

    `own_provider(canary="Racer", prefix="RACE", billing_time_zone="America/Denver")`; people are
    hired into it with `tests.personas.hire`.
    """
    opened: list[Provider] = []

    def open_one(
        canary: str = "Wegwerf", prefix: str = "", billing_time_zone: str = "UTC"
    ) -> Provider:
        provider = open_provider(
            canary=canary,
            prefix=prefix or f"OWN{len(opened)}",
            billing_time_zone=billing_time_zone,
        )
        opened.append(provider)
        return provider

    yield open_one
    for provider in opened:
        close_provider(provider)


@pytest.fixture(scope="session")
def _server() -> Iterator[LiveServer]:
    server = LiveServer("127.0.0.1")
    yield server
    server.stop()


@pytest.fixture
def portal(committed: None, _server: LiveServer) -> str:
    """The address of the portal, served from this process, for browsers: sees what is committed."""
    return str(_server.url)
