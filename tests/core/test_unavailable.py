"""Who waits for a lock or has no database gets 503 with Retry-After, and nothing is half done."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from django.db import OperationalError, connection, transaction
from django.test import Client, RequestFactory

from accounts.models import Provider, User
from accounts.roles import Role
from core import congestion
from core.congestion import Congested, leave, note_wait, take_place
from core.schema import provider_schema
from core.unavailable import is_temporary, waited_for_lock
from tenants.models import ManagedUser, MeteringPolicy, Organization
from tests.api_client import System, problem
from tests.database_url import database_url
from tests.held_locks import Line, held, impatient, line_to_database, other_client
from tests.personas import create_persona

SOON = {"lock_timeout": "100ms"}


@pytest.fixture(autouse=True)
def _no_request_waits() -> Iterator[None]:
    congestion._congested_until.clear()  # noqa: SLF001 - the process's own state
    yield
    congestion._congested_until.clear()  # noqa: SLF001 - the process's own state
    assert not congestion._in_work, "each request leaves its place"  # noqa: SLF001 - as above


@pytest.fixture
def stuck(own_provider: Callable[..., Provider]) -> Provider:
    """A committed provider with an organization."""
    provider = own_provider(canary="Stuck", prefix="STUCK")
    with provider_schema(provider):
        MeteringPolicy.objects.update(free_user_limit=None)
        Organization.objects.create(name="Acme")
    return provider


def owner_of(provider: Provider) -> User:
    return create_persona(
        provider=provider, role=Role.OWNER, name="Olive", email=f"{provider.pk}@owner.example"
    )


def organization_of(provider: Provider) -> int:
    with provider_schema(provider):
        return int(Organization.objects.get().pk)


def users_of(provider: Provider) -> int:
    with provider_schema(provider):
        return int(ManagedUser.objects.count())


def test_the_api_answers_who_waits_for_a_lock_and_adds_nothing(stuck: Provider) -> None:
    system, path = System.of(stuck), f"/organizations/{organization_of(stuck)}/users"
    with held(stuck), impatient(**SOON):
        refused = system.post(path, {"email": "a@acme.example"})
        assert problem(refused, 503)["code"] == "busy"
        assert int(refused["Retry-After"]) > 0
        assert system.get(path).status_code == 200
    assert users_of(stuck) == 0

    assert system.post(path, {"email": "a@acme.example"}).status_code == 201
    assert users_of(stuck) == 1


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}], ids=["page", "fragment"])
def test_a_page_answers_who_waits_for_a_lock_and_adds_nothing(
    stuck: Provider, headers: dict[str, str]
) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(owner_of(stuck))
    page = f"/organizations/{organization_of(stuck)}/users/add/"
    form = {"email": "a@acme.example", "name": "Ann"}
    with held(stuck), impatient(**SOON):
        refused = client.post(page, form, headers=headers)
        assert refused.status_code == 503
        assert int(refused["Retry-After"]) > 0
        assert "Nothing was changed by this request" in refused.content.decode()
        assert client.get(page).status_code == 200
    assert users_of(stuck) == 0


def test_while_one_request_waits_others_of_the_provider_are_refused_at_once(
    stuck: Provider, own_provider: Callable[..., Provider]
) -> None:
    other = own_provider(canary="Free", prefix="FREE")
    waiting = RequestFactory().post("/")
    take_place(waiting, schema=stuck.schema_name)
    system, path = System.of(stuck), f"/organizations/{organization_of(stuck)}/users"
    assert system.post(path, {"email": "a@acme.example"}).status_code == 201

    note_wait(waiting)

    assert problem(system.post(path, {"email": "b@acme.example"}), 503)["code"] == "busy"
    assert system.get(path).status_code == 200
    assert System.of(other).post("/organizations", {"name": "New"}).status_code == 201
    assert users_of(stuck) == 1
    leave(waiting)
    assert system.post(path, {"email": "b@acme.example"}).status_code == 201


def test_a_congested_provider_is_tried_by_one_request_at_a_time() -> None:
    first, second, reader = (getattr(RequestFactory(), how)("/") for how in ("post", "post", "get"))
    take_place(first, schema="p")
    note_wait(first)
    leave(first)

    take_place(first, schema="p")
    with pytest.raises(Congested):
        take_place(second, schema="p")
    take_place(reader, schema="p")
    take_place(second, schema="q")
    for request in (first, second, reader):
        leave(request)


def test_the_changes_of_one_provider_leave_a_thread_to_others(settings: Any) -> None:
    settings.WEB_THREADS = 3
    changes = [RequestFactory().post("/") for _ in range(3)]
    for request in changes[:2]:
        take_place(request, schema="p")
    with pytest.raises(Congested):
        take_place(changes[2], schema="p")
    other, reader = RequestFactory().post("/"), RequestFactory().get("/")
    take_place(other, schema="q")
    take_place(reader, schema="p")

    threading.Timer(0.1, leave, [changes[0]]).start()
    take_place(changes[2], schema="p")
    for request in (*changes, other, reader):
        leave(request)


def error_of(statement: str, **limits: str) -> OperationalError:
    with impatient(**limits), pytest.raises(OperationalError) as raised, transaction.atomic():
        connection.cursor().execute(statement)
    return raised.value


def test_a_statement_that_takes_too_long_is_a_wait(committed: None) -> None:
    error = error_of("SELECT pg_sleep(5)", statement_timeout="50ms")
    assert is_temporary(error)
    assert waited_for_lock(error)


def test_a_transaction_that_was_ended_is_temporary(committed: None) -> None:
    def lose_the_connection() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            pid = cursor.fetchone()[0]
            with other_client() as client:
                client.execute("SELECT pg_terminate_backend(%s)", [pid])
            cursor.execute("SELECT 1")

    with pytest.raises(OperationalError) as raised, transaction.atomic():
        lose_the_connection()
    assert is_temporary(raised.value)


@contextmanager
def web_server(*, database: Line) -> Iterator[httpx.Client]:
    """The portal's own web server, whose database is at the end of this line."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "mtp.wsgi", f"--bind=fd://{listener.fileno()}"],
            env={
                **os.environ,
                "DATABASE_URL": database_url(HOST="127.0.0.1", PORT=database.port),
                "ALLOWED_HOSTS": "127.0.0.1",
                "WEB_PROCESSES": "1",
            },
            pass_fds=(listener.fileno(),),
        )
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            with httpx.Client(base_url=address, timeout=60) as client:
                yield client
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)


def test_the_portal_answers_503_while_the_database_is_away_and_recovers(
    own_provider: Callable[..., Provider],
) -> None:
    provider = own_provider(canary="Away", prefix="AWAY")
    key = System.of(provider).headers
    browser = Client()
    browser.force_login(owner_of(provider))
    cookies = {name: morsel.value for name, morsel in browser.cookies.items()}

    with line_to_database() as line, web_server(database=line) as portal:
        portal.cookies.update(cookies)
        assert portal.get("/organizations/").status_code == 200
        assert portal.get("/api/v1/organizations", headers=key).status_code == 200

        line.cut()
        for _ in range(3):
            page = portal.get("/organizations/")
            assert (page.status_code, page.headers["Retry-After"]) == (503, "5")
            assert "database does not answer" in page.text
            api = portal.get("/api/v1/organizations", headers=key)
            assert (api.status_code, api.headers["Retry-After"]) == (503, "5")
            assert api.json()["code"] == "database-away"

        line.connect()
        deadline = time.monotonic() + 30
        while portal.get("/organizations/").status_code != 200:
            assert time.monotonic() < deadline
        assert portal.get("/api/v1/organizations", headers=key).status_code == 200
