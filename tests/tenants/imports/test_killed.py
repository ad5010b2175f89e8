"""Workers killed during an import: every line is added, and none twice."""

import os
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from django.db import connection

from accounts.models import Provider
from core.schema import provider_schema
from tenants.imports.runs import Sync, confirm_import
from tenants.models import AuditEntry, ImportRun, ManagedUser, Organization
from tests.database_url import database_url
from tests.tenants.import_files import (
    ADAM,
    ALL_OR_NOTHING,
    GOOD_LINES,
    NOW,
    add,
    applied,
    checked,
    confirmed,
    emails,
    lift_allowance,
)
from usage.ledger.verify import verify_ledger
from usage.models import UsageEvent

LINES = 2_000
KILLS = 3
TIMEOUT_SECONDS = 60.0


def start_worker(schema: str, run: ImportRun) -> "subprocess.Popen[bytes]":
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": "mtp.settings",
    }
    command = [sys.executable, "-m", "tests.tenants.import_worker", schema, str(run.pk)]
    return subprocess.Popen(command, env=environment)


def wait_for_progress(worker: "subprocess.Popen[bytes]", run: ImportRun, beyond: int) -> None:
    """Wait until the worker has committed a batch or has ended."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while worker.poll() is None and time.monotonic() < deadline:
        if ImportRun.objects.values_list("added", flat=True).get(pk=run.pk) > beyond:
            return
        time.sleep(0.01)


@pytest.mark.proof
def test_killed_workers_lose_no_line_and_repeat_none(
    own_provider: Callable[..., Provider],
) -> None:
    provider = own_provider(canary="Gekillt", prefix="KILL")
    killed = 0
    with provider_schema(provider):
        lift_allowance()
        acme = Organization.objects.create(name="Acme Gekillt")
        run = confirmed(checked(acme, emails(LINES)), GOOD_LINES)
        for _ in range(KILLS):
            worker = start_worker(provider.schema_name, run)
            wait_for_progress(worker, run, beyond=run.added)
            worker.kill()
            killed += worker.wait() < 0
            run.refresh_from_db()
        assert killed == KILLS
        assert 0 < run.added < LINES, "killed in the middle, not before or after"
        assert run.added == ManagedUser.objects.count(), "the progress equals the users"
        assert start_worker(provider.schema_name, run).wait(TIMEOUT_SECONDS) == 0
        assert_whole(run)


@pytest.mark.proof
def test_all_or_nothing_adds_none_when_killed_and_all_when_repeated(
    own_provider: Callable[..., Provider],
) -> None:
    provider = own_provider(canary="Gekillt", prefix="KILL")
    with provider_schema(provider):
        lift_allowance()
        acme = Organization.objects.create(name="Acme Gekillt")
        run = confirmed(checked(acme, emails(LINES)), ALL_OR_NOTHING)
        with connection.cursor() as cursor:
            # Holds the worker after its inserts and before its commit.
            connection.set_autocommit(False)
            cursor.execute("LOCK TABLE tenants_auditentry IN EXCLUSIVE MODE")
            worker = start_worker(provider.schema_name, run)
            wait_until_blocked(cursor)
            worker.kill()
            worker.wait()
            connection.rollback()
            connection.set_autocommit(True)
        assert ManagedUser.objects.count() == 0
        assert start_worker(provider.schema_name, run).wait(TIMEOUT_SECONDS) == 0
        assert_whole(run)


def wait_until_blocked(cursor: object) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = %s::regclass",
            ["tenants_auditentry"],
        )
        if cursor.fetchone()[0]:
            return
        time.sleep(0.02)
    raise AssertionError("The worker never wrote to the audit log.")


def assert_whole(run: ImportRun) -> None:
    run.refresh_from_db()
    assert (run.state, run.added, run.refused) == (ImportRun.State.IMPORTED, LINES, 0)
    users = ManagedUser.objects.values_list("email", flat=True)
    assert sorted(users) == sorted(emails(LINES).splitlines()[1:])
    assert UsageEvent.objects.count() == LINES
    assert AuditEntry.objects.filter(action="users.imported").count() == 1
    assert verify_ledger() == []


@pytest.mark.proof
def test_two_workers_at_once_add_every_line_once(own_provider: Callable[..., Provider]) -> None:
    """The lease of the first worker expired while it was still running."""
    provider = own_provider(canary="Doppelt", prefix="TWICE")
    with provider_schema(provider):
        lift_allowance()
        acme = Organization.objects.create(name="Acme Doppelt")
        run = confirmed(checked(acme, emails(LINES)), GOOD_LINES)
        workers = [start_worker(provider.schema_name, run) for _ in range(2)]
        assert [worker.wait(TIMEOUT_SECONDS) for worker in workers] == [0, 0]
        assert_whole(run)


@pytest.mark.proof
def test_a_killed_sync_removes_each_person_once_and_none_who_came_meanwhile(
    own_provider: Callable[..., Provider],
) -> None:
    provider = own_provider(canary="Gekillt", prefix="KILL")
    with provider_schema(provider):
        lift_allowance()
        acme = Organization.objects.create(name="Acme Gekillt")
        applied(checked(acme, emails(LINES)))
        run = checked(acme, emails(LINES, start=LINES // 10))
        sync = Sync(gone_confirmed=LINES // 10)
        confirm_import(run=run, mode=GOOD_LINES, sync=sync, actor=ADAM, now=NOW)
        worker = start_worker(provider.schema_name, run)
        wait_for_progress(worker, run, beyond=0)
        worker.kill()
        assert worker.wait() < 0
        late = add(acme, "late@acme.example")
        assert start_worker(provider.schema_name, run).wait(TIMEOUT_SECONDS) == 0
        run.refresh_from_db()
        counts = (run.state, run.added, run.gone, run.refused)
        assert counts == (ImportRun.State.IMPORTED, LINES // 10, LINES // 10, 0)
        expected = [*emails(LINES, start=LINES // 10).splitlines()[1:], late.email]
        users = ManagedUser.objects.living().values_list("email", flat=True)
        assert sorted(users) == sorted(expected)
        assert UsageEvent.objects.filter(delta=-1).count() == LINES // 10
        assert AuditEntry.objects.filter(action="user.removed").count() == LINES // 10
        assert verify_ledger() == []
