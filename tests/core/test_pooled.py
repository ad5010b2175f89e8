"""The backend behind a pooler leaves nothing in the session (docs/decisions/0008)."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.db.transaction import TransactionManagementError
from psycopg import sql

from accounts.models import Provider
from accounts.provisioning.schema_migrations import ProviderMigrations
from core.postgresql.addresses import DIRECT, leading_to, own_session
from core.postgresql.pooled.base import DatabaseWrapper, SessionsOfAnotherZone, Unbound
from core.schema import provider_schema
from mtp.databases import databases
from mtp.doctor import database
from mtp.doctor.findings import Outcome
from tenants.models import ManagedUser, Organization
from tests.pooled import POOLED, pooled_addresses
from tests.proofs.test_cap import database_url


@pytest.fixture
def provider(own_provider: Callable[..., Provider]) -> Iterator[Provider]:
    """A provider, whose rows are then read as behind a pooler, here without one in between."""
    provider = own_provider(canary="Pooled", prefix="PLD")
    with pooled_addresses(database_url(), direct_url=database_url()), leading_to(POOLED):
        yield provider


def session(name: str) -> str:
    """A setting of the session itself, asked below the backend."""
    connection.ensure_connection()
    answer = connection.connection.pgconn.exec_(f"SHOW {name}".encode())
    return str(answer.get_value(0, 0).decode())


def asked(query: Any, parameters: Any = None) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchone()[0]


def test_the_path_is_that_of_the_provider_and_stays_nowhere(provider: Provider) -> None:
    untouched = session("search_path")
    with provider_schema(provider):
        assert asked("SELECT current_schema()") == provider.schema_name
        assert session("search_path") == untouched
        with transaction.atomic():
            assert asked("SELECT current_schema()") == provider.schema_name
    assert session("search_path") == untouched
    assert asked("SELECT current_schema()") == "public"


@pytest.mark.parametrize("parameters", [None, [], ["%"]])
@pytest.mark.parametrize("kind", [str, sql.SQL, str.encode])
def test_every_kind_of_statement_carries_it(
    provider: Provider, kind: Callable[[str], Any], parameters: Any
) -> None:
    text = "SELECT current_schema() || " + ("%s" if parameters else "''")
    with provider_schema(provider):
        assert asked(kind(text), parameters).startswith(provider.schema_name)


def test_a_script_shows_its_own_results(provider: Provider) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1; SELECT 2")
        assert cursor.fetchall() == [(1,)]
        assert cursor.nextset()
        assert cursor.fetchall() == [(2,)]
        assert not cursor.nextset()


def test_each_transaction_has_the_time_limits_and_may_change_them(provider: Provider) -> None:
    assert asked("SHOW lock_timeout") == "5s"
    assert asked("SHOW mtp.clock") == "2999-12-31"
    with transaction.atomic():
        assert asked("SHOW idle_in_transaction_session_timeout") == "5min"
        asked("SELECT set_config('lock_timeout', '7s', true)")
        assert asked("SHOW lock_timeout") == "7s"
    assert asked("SHOW lock_timeout") == "5s"
    assert session("lock_timeout") == "0"


def test_a_failed_transaction_can_be_rolled_back_and_goes_on(provider: Provider) -> None:
    with provider_schema(provider), transaction.atomic():
        with pytest.raises(DatabaseError), transaction.atomic():
            asked("SELECT 1 / 0")
        assert asked("SELECT current_schema()") == provider.schema_name
        assert asked("SHOW lock_timeout") == "5s"


COPY = "COPY tenants_organization (name, created_at) FROM STDIN"
INSERT = "INSERT INTO tenants_organization (name, created_at) VALUES (%s, now())"


def test_copy_and_executemany_are_bound_in_a_transaction(provider: Provider) -> None:
    with provider_schema(provider), transaction.atomic(), connection.cursor() as cursor:
        with cursor.copy(COPY) as copy:
            copy.write_row(("Copied", "2026-01-01"))
        cursor.executemany(INSERT, [("One",), ("Two",)])
    with provider_schema(provider):
        assert set(Organization.objects.values_list("name", flat=True)) == {"Copied", "One", "Two"}


def test_what_cannot_carry_a_path_is_refused(provider: Provider) -> None:
    with provider_schema(provider), connection.cursor() as cursor:
        with pytest.raises(Unbound, match="Begin a transaction"):
            cursor.copy(COPY)
        with pytest.raises(Unbound, match="Begin a transaction"):
            cursor.executemany(INSERT, [("One",)])
        with pytest.raises(Unbound, match="stream"):
            cursor.stream("SELECT 1")
        with pytest.raises(Unbound, match="no search path"):
            connection.connection.cursor().execute("SELECT 1")
        with pytest.raises(Unbound, match="migrate_providers"):
            connection.schema_editor()


def test_large_reads_are_of_the_provider(provider: Provider) -> None:
    with provider_schema(provider):
        organization = Organization.objects.create(name="Large GmbH")
        ManagedUser.objects.bulk_create(
            ManagedUser(organization=organization, email=f"{n}@large.example") for n in range(5)
        )
        everyone = ManagedUser.objects.iterator(chunk_size=2)
        assert len(list(everyone)) == 5
        with transaction.atomic():
            everyone = ManagedUser.objects.iterator(chunk_size=2)
            assert next(everyone).email == "0@large.example"
            assert asked("SELECT count(*) FROM pg_cursors") == 1
            assert len(list(everyone)) == 4


def test_sessions_of_another_time_zone_are_refused(committed: None) -> None:
    settings: dict[str, Any] = {
        **connection.settings_dict,
        "OPTIONS": {"options": "-c timezone=Europe/Berlin"},
        "LIMITS": {},
    }
    wrapper = DatabaseWrapper(settings)
    with pytest.raises(SessionsOfAnotherZone, match="SET timezone = 'UTC'"):
        wrapper.ensure_connection()
    wrapper.close()


def test_a_block_has_its_own_session_which_is_closed(provider: Provider) -> None:
    pooled = connections["default"]
    with provider_schema(provider):
        with own_session():
            direct = connections["default"]
            assert direct is connections[DIRECT]
            assert session("lock_timeout") == "5s"
            assert asked("SELECT current_schema()") == provider.schema_name
            with own_session():
                assert connections["default"] is direct
            assert ProviderMigrations().apply_to(schema=provider.schema_name) == 0
        assert direct.connection is None
        assert connections["default"] is pooled
        assert asked("SELECT current_schema()") == provider.schema_name


def test_no_session_begins_inside_a_transaction(provider: Provider) -> None:
    with (
        transaction.atomic(),
        pytest.raises(TransactionManagementError, match="DATABASE_DIRECT_URL"),
        own_session(),
    ):
        pass


def test_the_doctor_compares_both_addresses(committed: None) -> None:
    ours = database_url()
    with pooled_addresses(ours, direct_url=ours), leading_to(POOLED):
        assert [each.outcome for each in database.addresses()] == [Outcome.OK]
        connections[DIRECT].close()
        connections[DIRECT].settings_dict["NAME"] = "postgres"
        (found,) = database.addresses()
    assert found.outcome is Outcome.PROBLEM
    assert "different databases" in found.text


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"pooler": "session"}, "Use transaction"),
        ({"direct_url": ""}, "DATABASE_DIRECT_URL must name PostgreSQL itself"),
        ({"direct_url": "postgres://u:p@h/other"}, "and the database of DATABASE_URL"),
        ({"url": "postgres://u:p@h/mtp?options=-c mtp.clock=2999-12-31"}, "DATABASE_URL sets"),
        ({"replica_url": "postgres://h/mtp?options=-c mtp.clock=x"}, "DATABASE_REPLICA_URL sets"),
    ],
)
def test_wrong_addresses_are_refused(changed: dict[str, str], fault: str) -> None:
    given = {"url": "postgres://u:p@h/mtp", "pooler": "transaction", "replica_url": ""}
    given |= {"direct_url": "postgres://u:p@d/mtp", "process": "web", "clock": ""}
    with pytest.raises(ValueError, match=fault):
        databases(**{**given, **changed})


def test_without_a_pooler_nothing_changes() -> None:
    named = databases(
        "postgres://u:p@h/mtp",
        pooler="",
        direct_url="",
        replica_url="",
        process="web",
        clock="",
    )
    assert list(named) == ["default"]
    assert named["default"]["ENGINE"] == "core.postgresql"
    assert "-c lock_timeout=2000" in named["default"]["OPTIONS"]["options"]
    assert isinstance(psycopg.conninfo.make_conninfo("", **named["default"]["OPTIONS"]), str)
