"""A migration that gets no lock lets the requests pass, and is tried again."""

import threading
from collections.abc import Callable

import pytest
from django.db import OperationalError, connection

from accounts.models import Provider
from accounts.provisioning import lock_waits
from accounts.provisioning.lock_waits import with_short_waits
from core.schema import provider_schema
from tests.held_locks import held

READ = "SELECT 1 FROM tenants_organization"
CHANGE = "ALTER TABLE tenants_organization ADD COLUMN colour text"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_waits, "LOCK_SECONDS", 0.2)
    monkeypatch.setattr(lock_waits, "PAUSE_SECONDS", 0.1)


def shown(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        return str(cursor.fetchone()[0])


def test_a_migration_is_tried_again_once_the_reader_is_gone(
    own_provider: Callable[..., Provider],
) -> None:
    provider = own_provider()
    tries: list[str] = []
    reader_leaves, is_reading = threading.Event(), threading.Event()

    def read() -> None:
        with held(provider, READ):
            is_reading.set()
            reader_leaves.wait(30)
        connection.close()

    def migrate() -> str:
        tries.append(shown("lock_timeout"))
        if len(tries) == 3:
            reader_leaves.set()
            reader.join()
        with connection.cursor() as cursor:
            cursor.execute(CHANGE)
        return shown("statement_timeout")

    usual = shown("lock_timeout"), shown("statement_timeout")
    reader = threading.Thread(target=read)
    reader.start()
    is_reading.wait(30)
    with provider_schema(provider):
        assert with_short_waits(migrate) == "0"
    assert tries == ["200ms"] * 3
    assert (shown("lock_timeout"), shown("statement_timeout")) == usual


def test_a_lock_that_is_never_free_is_reported(own_provider: Callable[..., Provider]) -> None:
    provider = own_provider()
    tries: list[None] = []

    def migrate() -> None:
        tries.append(None)
        with connection.cursor() as cursor:
            cursor.execute(CHANGE)

    with held(provider, READ), provider_schema(provider), pytest.raises(OperationalError):
        with_short_waits(migrate)
    assert len(tries) == lock_waits.ATTEMPTS


def test_an_index_that_is_built_beside_requests_waits_without_a_limit(
    own_provider: Callable[..., Provider],
) -> None:
    provider = own_provider()
    is_reading = threading.Event()

    def read() -> None:
        with held(provider, READ):
            is_reading.set()
            threading.Event().wait(1)
        connection.close()

    def migrate() -> str:
        with connection.cursor() as cursor:
            cursor.execute("CREATE INDEX CONCURRENTLY an_index ON tenants_organization (name)")
        return shown("lock_timeout")

    reader = threading.Thread(target=read)
    reader.start()
    is_reading.wait(30)
    with provider_schema(provider):
        assert with_short_waits(migrate) == "200ms"
    reader.join()
