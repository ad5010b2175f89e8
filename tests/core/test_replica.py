"""Pages that only show read the replica, never less than their reader just did (decision 0045)."""

import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.db import InternalError, OperationalError, connection, connections
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone
from psycopg.errors import ReadOnlySqlTransaction
from pytest_django import DjangoDbBlocker

from accounts.models import Provider, User
from core import replica
from core.actors import SYSTEM_ACTOR
from core.months import Month
from core.operations.metrics import operations_gauges
from core.postgresql.addresses import REPLICA, leading_to
from core.postgresql.base import DatabaseWrapper
from core.replica import Lag, reads_replica, replica_lag
from core.schema import provider_schema
from core.telemetry.counters import REPLICA_READS
from mtp.databases import databases
from mtp.doctor import database
from mtp.doctor.findings import Outcome
from mtp.supervisor.processes import wait_until
from tenants.models import ManagedUser, MeteringPolicy, Organization
from tenants.users.membership import Via, add_member
from tests.database_url import database_url
from tests.pooled import extra_connections
from tests.replication import MISSING, Server, has_basebackup, primary_and_replica
from tests.routes import all_routes

PAIR = "pair"


@dataclass
class Pair:
    """The portal on both servers, with an organization of north."""

    primary: Server
    replica: Server
    provider: Provider
    organization_id: int
    browser: Client

    def read_at(self, outcome: str) -> float:
        return float(REPLICA_READS.labels(outcome)._value.get())  # noqa: SLF001 - no public reader

    def pause(self) -> None:
        self.replica.ask("SELECT pg_wal_replay_pause()")

    def resume(self) -> None:
        self.replica.ask("SELECT pg_wal_replay_resume()")

    def add_user(self, email: str) -> None:
        path = f"/organizations/{self.organization_id}/users/add/"
        assert self.browser.post(path, {"email": email, "name": "Anna"}).status_code == 302

    def exported(self) -> str:
        answer = self.browser.get(f"/organizations/{self.organization_id}/users.csv")
        assert answer.status_code == 200
        return str(answer.content.decode())


def _copy_of_the_test_database(primary: Server) -> None:
    source = database_url()
    dump = subprocess.run(
        [primary.programs / "pg_dump", "--no-owner", "--no-acl", source],
        capture_output=True,
        check=True,
    )
    load = [primary.programs / "psql", "-q", "-X", "-v", "ON_ERROR_STOP=1", primary.url]
    subprocess.run(load, input=dump.stdout, stdout=subprocess.DEVNULL, check=True)


@pytest.fixture(scope="module")
def servers(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[tuple[Server, Server]]:
    if not has_basebackup():
        pytest.skip(MISSING)
    name = connection.settings_dict["NAME"]
    with (
        django_db_blocker.unblock(),
        primary_and_replica(database=name) as (primary, standby),
    ):
        _copy_of_the_test_database(primary)
        named = databases(
            primary.url,
            pooler="",
            direct_url="",
            replica_url=standby.url,
            process="worker",
            clock="2999-12-31",
        )
        extra = {PAIR: named["default"], REPLICA: named[REPLICA]}
        with extra_connections(extra), leading_to(PAIR):
            yield primary, standby


@pytest.fixture
def pair(
    servers: tuple[Server, Server], committed: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Pair]:
    # Expects nothing of earlier tests; on a busy machine a replica takes its time.
    monkeypatch.setattr(replica, "_pauses", replica._Pauses())  # noqa: SLF001 - a fresh process has these
    monkeypatch.setattr(replica, "WAIT_SECONDS", 5.0)
    north = Provider.objects.get(invoice_prefix="NORTH")
    with provider_schema(north):
        MeteringPolicy.objects.update(free_user_limit=None)
        organization, _ = Organization.objects.get_or_create(name="Read GmbH")
    browser = Client()
    browser.force_login(User.objects.get(provider=north, name__startswith="Olive"))
    yield Pair(*servers, north, organization.pk, browser)
    if servers[1].process:
        servers[1].ask("SELECT pg_wal_replay_resume()")


def test_a_page_reads_the_replica(pair: Pair) -> None:
    pair.add_user("first@read.example")
    before = pair.read_at("replica")
    assert "first@read.example" in pair.exported()
    assert pair.read_at("replica") == before + 1


def test_the_view_itself_runs_there_in_its_provider(pair: Pair) -> None:
    @reads_replica
    def view(request: HttpRequest) -> HttpResponse:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_is_in_recovery(), current_schema()")
            return HttpResponse(repr(cursor.fetchone()))

    with provider_schema(pair.provider):
        answer = view(RequestFactory().get("/"))
        assert answer.content.decode() == repr((True, pair.provider.schema_name))
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_is_in_recovery(), current_schema()")
            assert cursor.fetchone() == (False, pair.provider.schema_name)


def test_a_page_never_shows_less_than_its_reader_just_did(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica, "WAIT_SECONDS", 0.05)
    pair.pause()
    pair.add_user("hidden@read.example")
    late, read = pair.read_at("late"), pair.read_at("replica")
    assert "hidden@read.example" in pair.exported()
    assert (pair.read_at("late"), pair.read_at("replica")) == (late + 1, read)
    with leading_to(REPLICA), provider_schema(pair.provider):
        assert not ManagedUser.objects.filter(email="hidden@read.example").exists()


def test_a_page_waits_a_moment_for_the_replica(pair: Pair) -> None:
    pair.pause()
    pair.add_user("late@read.example")
    later = threading.Timer(0.3, pair.resume)
    later.start()
    read = pair.read_at("replica")
    assert "late@read.example" in pair.exported()
    assert pair.read_at("replica") == read + 1
    later.join()


def test_after_a_wait_in_vain_the_next_page_does_not_wait(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica, "WAIT_SECONDS", 1.0)
    pair.pause()
    pair.add_user("twice@read.example")
    pair.exported()
    began = time.monotonic()
    assert "twice@read.example" in pair.exported()
    assert time.monotonic() - began < 1.0


def test_a_decision_at_the_replica_is_refused(pair: Pair) -> None:
    with leading_to(REPLICA), provider_schema(pair.provider):
        member = ManagedUser(organization_id=pair.organization_id, email="no@read.example")
        with pytest.raises(InternalError) as refusal:
            add_member(member=member, actor=SYSTEM_ACTOR, via=Via.FORM, now=timezone.now())
    assert isinstance(refusal.value.__cause__, ReadOnlySqlTransaction)


def test_a_server_that_was_promoted_takes_no_write_either(pair: Pair) -> None:
    """The connection is read-only even at a primary, to which the address may lead by mistake."""
    settings = {**connections.settings[REPLICA], "PORT": str(pair.primary.port)}
    wrapper = DatabaseWrapper(settings)
    try:
        with pytest.raises(InternalError), wrapper.cursor() as cursor:
            cursor.execute("DELETE FROM outbox_outboxmessage")
    finally:
        wrapper.close()


def test_a_page_whose_replica_goes_away_is_read_at_the_primary(pair: Pair) -> None:
    places = []

    @reads_replica
    def view(request: HttpRequest) -> HttpResponse:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_is_in_recovery()")
            places.append(cursor.fetchone()[0])
            if places == [True]:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return HttpResponse()

    away = pair.read_at("away")
    assert view(RequestFactory().get("/")).status_code == 200
    assert places == [True, False]
    assert pair.read_at("away") == away + 1


def test_every_route_of_the_replica_only_reads(pair: Pair) -> None:
    month = str(Month.of(timezone.now(), pair.provider.billing_zone()))
    values = {"organization_id": pair.organization_id, "month": month}
    routes = [route for route in all_routes() if getattr(route.view, "reads_replica", False)]
    provider_routes = [route for route in routes if not route.name.startswith("own_")]
    assert len(provider_routes) > 20
    for route in provider_routes:
        before = pair.read_at("replica")
        answer = pair.browser.get(route.url(values))
        assert answer.status_code in (200, 404), (str(route), answer.status_code)
        assert pair.read_at("replica") == before + 1, str(route)
    assert {route.name.removeprefix("own_") for route in routes} == {
        route.name for route in provider_routes
    }


def test_the_board_of_operations_reads_it(pair: Pair) -> None:
    operations = Client()
    operations.force_login(User.objects.get(is_superuser=True))
    before = pair.read_at("replica")
    assert operations.get("/operations/").status_code == 200
    assert pair.read_at("replica") == before + 1


def test_the_lag_is_measured(pair: Pair) -> None:
    pair.pause()
    pair.add_user("lag@read.example")
    lag = replica_lag()
    assert lag is not None
    assert lag.bytes_of_log > 0
    assert lag.seconds > 0
    pair.resume()
    assert wait_until(lambda: replica_lag() == Lag(0, 0.0), seconds=10)


def figures() -> dict[str, list[float]]:
    return {
        metric.name: [sample.value for sample in metric.samples]
        for metric in operations_gauges(now=timezone.now())
        if metric.name.startswith("mtp_replica")
    }


def test_metrics_and_doctor_show_it(pair: Pair) -> None:
    assert wait_until(lambda: figures()["mtp_replica_lag_bytes"] == [0], seconds=10)
    assert figures()["mtp_replica_up"] == [1]
    (found,) = database.replica()
    assert found.outcome is Outcome.OK


def test_a_server_that_is_no_replica_is_not_read_and_named(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections[REPLICA].close()
    monkeypatch.setitem(connections[REPLICA].settings_dict, "PORT", str(pair.primary.port))
    monkeypatch.setattr(replica, "WAIT_SECONDS", 0.0)
    late = pair.read_at("late")
    pair.exported()
    assert pair.read_at("late") == late + 1
    assert figures()["mtp_replica_up"] == [0]
    (found,) = database.replica()
    assert found.outcome is Outcome.PROBLEM
    connections[REPLICA].close()


def test_without_a_replica_pages_read_the_primary(pair: Pair) -> None:
    """Last: the replica stays away."""
    pair.replica.stop()
    away, read = pair.read_at("away"), pair.read_at("replica")
    assert "first@read.example" in pair.exported()
    assert pair.exported()
    assert (pair.read_at("away"), pair.read_at("replica")) == (away + 2, read)
    with pytest.raises(OperationalError):
        replica_lag()
    assert figures()["mtp_replica_up"] == [0]
