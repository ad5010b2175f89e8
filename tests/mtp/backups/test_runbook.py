"""The runbook's commands of backup and restore, run literally from its text."""

import os
import shutil
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts.models import Provider
from core.mail import queue_mail
from core.months import Month
from core.operations.backup_watch import SLOT, SLOT_STATE
from core.operations.models import OperationsAlert
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from mtp.supervisor.account import service_account
from mtp.supervisor.state import base_directory
from tenants.models import Organization
from tests.billing.conftest import NOVEMBER
from tests.database_url import database_url
from tests.deployment.cluster import Cluster, compose_cluster
from tests.deployment.whole_backup import (
    BACK_UP,
    BASE_BACKUP,
    FINISH,
    RECONCILE,
    RESTORE,
    TO_INSTANT,
    TO_THE_END,
    Backup,
    run,
    why_not,
)
from tests.mtp.backups.test_restore import (
    BillingScenario,
    close_and_charge,
    paying,
    stripe_api,
)

__all__ = ["paying", "stripe_api"]


def portal_environment(scenario: BillingScenario, **more: str) -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {
        **os.environ,
        "PATH": path,
        "DATABASE_URL": database_url(),
        "STRIPE_API_KEY": scenario.stripe.secret_key,
        "STRIPE_API_BASE": scenario.stripe.url,
        "PREFIX": scenario.provider.invoice_prefix,
        **more,
    }


def test_a_provider_is_backed_up_and_restored_by_the_written_commands(
    paying: BillingScenario, tmp_path: Path
) -> None:
    environment = portal_environment(paying, BACKUP=str(tmp_path / "backup.zip"))
    run(BACK_UP, environment=environment)
    with provider_schema(paying.provider):
        Organization.objects.create(name="Entered by mistake")

    output = run(RESTORE, environment=environment)

    assert "It works again." in output
    with provider_schema(paying.provider):
        assert not Organization.objects.filter(name="Entered by mistake").exists()
    Provider.objects.filter(pk=paying.provider.pk).update(state=Provider.State.RESTORING)
    assert "It works again." in run(FINISH, environment=environment)


def test_every_provider_is_reconciled_and_verified_by_the_written_commands(
    paying: BillingScenario,
) -> None:
    close_and_charge(paying.provider, Month(2026, 10), now=NOVEMBER)
    restored_to, stopped = NOVEMBER, NOVEMBER + timedelta(minutes=20)
    with provider_schema(paying.provider):
        last = Organization.objects.create(name="Before").pk
        for key, due in (("sent", restored_to), ("due later", stopped + timedelta(minutes=1))):
            queue_mail(key=key, to=["a@x.example"], subject="Soon", text="Secret", now=due)
    Session.objects.create(session_key="ended-since", session_data="", expire_date=stopped)
    environment = portal_environment(
        paying, INSTANT=restored_to.isoformat(), STOPPED=stopped.isoformat()
    )

    output = run(RECONCILE, environment=environment)

    prefix = paying.provider.invoice_prefix
    assert f"{prefix}: " in output
    assert f"{paying.provider.name}, 2026-10: right" in output
    assert "Nothing differs in 1 months." in output
    assert f"The usage ledger of {paying.provider}: correct." in output
    mails = OutboxMessage.objects.filter(
        schema_name=paying.provider.schema_name, payload__subject="Soon"
    ).order_by("due_at")
    sent, later = mails
    assert (sent.finished_at is None, sent.payload["text"]) == (False, "")
    assert sent.last_error.startswith("Withdrawn: the database was restored to")
    assert later.finished_at is None
    assert "mail.send 1" in OperationsAlert.objects.open().get(kind="restore_mails").summary
    assert not Session.objects.exists()
    with provider_schema(paying.provider):
        assert Organization.objects.create(name="After").pk == last + 1_000_001


def slot_seen_by_the_app(cluster: Cluster) -> tuple[bool, timedelta]:
    with cluster.connect("mtp_app") as database:
        parameters = {"now": timezone.now(), "slot": SLOT}
        row = database.execute(SLOT_STATE, parameters).fetchone()
    assert row
    return bool(row[0]), row[1]


@pytest.mark.skipif(bool(why_not()), reason=why_not())
def test_a_database_goes_back_to_an_instant_and_to_the_end_by_the_written_commands() -> None:
    with tempfile.TemporaryDirectory(dir=base_directory()) as name:
        place = Path(name)
        service_account().own(place)
        machine = place / "machine"
        machine.mkdir()
        with compose_cluster(machine) as cluster:
            backup = Backup(cluster, place / "backup")
            with backup.kept(), cluster.connect("postgres") as database:
                database.execute("CREATE TABLE kept AS SELECT 'before' AS row")
                run(BASE_BACKUP, environment=backup.environment)
                assert slot_seen_by_the_app(cluster) == (False, timedelta(0))
                database.execute("INSERT INTO kept VALUES ('after the backup')")
                found = database.execute("SELECT clock_timestamp()::text").fetchone()
                assert found
                database.execute("SELECT pg_sleep(0.1)")
                database.execute("INSERT INTO kept VALUES ('mistake')")
                database.execute("SELECT pg_sleep(1)")
                database.execute(
                    "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots"
                )
                database.execute("SELECT pg_sleep(0.2)")
                lost, absent = slot_seen_by_the_app(cluster)
                assert (lost, absent > timedelta(0)) == (False, True)
                cluster.kill()
            shutil.rmtree(cluster.data)
            rows = {}
            for block, instant in ((TO_INSTANT, found[0]), (TO_THE_END, "")):
                data = place / f"restored{len(rows)}"
                backup.restored(block, data, instant=instant)
                with cluster.connect("postgres") as database:
                    rows[block] = [row for (row,) in database.execute("SELECT row FROM kept")]
                run(
                    f"pg_ctl --pgdata={data} --mode=immediate stop",
                    environment=backup.environment,
                    as_server=True,
                )
    assert rows == {
        TO_INSTANT: ["before", "after the backup"],
        TO_THE_END: ["before", "after the backup", "mistake"],
    }
