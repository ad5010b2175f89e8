"""The runbook's commands of backup and restore, run literally from its text."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from accounts.models import Provider
from core.months import Month
from core.schema import provider_schema
from mtp.supervisor.account import service_account
from mtp.supervisor.binaries import find_binaries
from mtp.supervisor.ports import any_free_port
from mtp.supervisor.state import CHECKOUT, base_directory
from tenants.models import Organization
from tests.billing.conftest import NOVEMBER
from tests.mtp.backups.test_restore import (
    BillingScenario,
    close_and_charge,
    paying,
    stripe_api,
)

__all__ = ["paying", "stripe_api"]
RUNBOOK = (CHECKOUT / "docs/runbook.md").read_text()
BLOCKS = re.findall(
    r"<!-- tested: tests/mtp/backups/test_runbook\.py[^>]* -->\n```(?:sh)?\n(.*?)```",
    RUNBOOK,
    re.DOTALL,
)
BACK_UP, RESTORE, FINISH, CONFIGURATION, BASE_BACKUP, TO_INSTANT, RECONCILE = BLOCKS


def run(block: str, *, environment: dict[str, str], **options: Any) -> str:
    done = subprocess.run(
        ["sh", "-e", "-c", block],
        env=environment,
        cwd=options.pop("cwd", CHECKOUT),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
        **options,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def portal_environment(scenario: BillingScenario, **more: str) -> dict[str, str]:
    address = connection.settings_dict
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {
        **os.environ,
        "PATH": path,
        "DATABASE_URL": "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**address),
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
    environment = portal_environment(paying, INSTANT="2026-11-01T00:00:00+00:00")

    output = run(RECONCILE, environment=environment)

    assert f"{paying.provider.invoice_prefix}: " in output
    assert f"{paying.provider.name}, 2026-10: right" in output
    assert "Nothing differs in 1 months." in output


@contextmanager
def server(data: Path, **options: Any) -> Iterator[None]:
    run(f"pg_ctl --pgdata={data} --wait --log={data}/log start", **options)
    try:
        yield
    finally:
        run(f"pg_ctl --pgdata={data} --wait --mode=fast stop", **options)


@pytest.fixture
def place() -> Iterator[tuple[Path, dict[str, Any]]]:
    """A directory of PostgreSQL's account, and the options to run commands as that account."""
    account = service_account()
    binaries = find_binaries(checkout=CHECKOUT, base=base_directory(), account=account)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        account.own(directory)
        options: dict[str, Any] = {"cwd": directory}
        if account.uid is not None:
            options |= {"user": account.uid, "group": account.gid, "extra_groups": []}
        port = str(any_free_port())
        options["environment"] = {
            "PATH": os.pathsep.join([str(binaries.initdb.parent), os.defpath]),
            "PGHOST": "127.0.0.1",
            "PGPORT": port,
            "PGUSER": "postgres",
            "BASE": str(directory / "base"),
            "DATA": str(directory / "restored"),
            "ARCHIVE": str(directory / "archive"),
        }
        yield directory, options


def test_a_database_goes_back_to_an_instant_by_the_written_commands(
    place: tuple[Path, dict[str, Any]],
) -> None:
    directory, options = place
    environment = options["environment"]
    data = directory / "data"
    run(
        f"mkdir archive && initdb --username=postgres --auth=trust --encoding=UTF8 --pgdata={data}",
        **options,
    )
    configuration = CONFIGURATION.replace("$ARCHIVE", environment["ARCHIVE"])
    own = ["listen_addresses = '127.0.0.1'", "unix_socket_directories = ''"]
    with (data / "postgresql.conf").open("a") as file:
        file.write("\n".join([configuration, *own, f"port = {environment['PGPORT']}", ""]))
    address = f"host=127.0.0.1 port={environment['PGPORT']} user=postgres dbname=postgres"
    with server(data, **options):
        run(BASE_BACKUP, **options)
        with psycopg.connect(address, autocommit=True) as database:
            database.execute("CREATE TABLE kept AS SELECT 'before' AS row")
            found = database.execute("SELECT clock_timestamp()::text").fetchone()
            assert found
            database.execute("SELECT pg_sleep(0.1)")
            database.execute("INSERT INTO kept VALUES ('mistake')")
            database.execute("SELECT pg_switch_wal()")
    environment["INSTANT"] = found[0]

    run(TO_INSTANT, **options)

    with psycopg.connect(address, autocommit=True) as database:
        rows = database.execute("SELECT row FROM kept").fetchall()
    run(f"pg_ctl --pgdata={environment['DATA']} --wait --mode=fast stop", **options)
    assert rows == [("before",)]
