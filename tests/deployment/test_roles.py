"""The two database roles, on a PostgreSQL that is made as docker-compose.yml makes it."""

import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors

from mtp.supervisor.state import base_directory
from mtp.supervisor.terminal import Refused
from tests.deployment.cluster import Cluster, compose_cluster, embedded
from tests.deployment.dockerfile import ROOT

SCHEMA = "provider_acme"


def step(cluster: Cluster, role: str, name: str) -> Any:
    """One step of `as_the_app`, in a process with the role's address."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.deployment.as_the_app", name],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": cluster.url(role)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    refused = "permission denied" in run.stderr or "must be owner" in run.stderr
    assert refused == ((name, role) == ("deliver", "mtp_app")), run.stderr[-3000:]
    return json.loads(run.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A cluster with the tables of public, migrated by the owner, and one provider."""
    try:
        embedded()
    except Refused as refused:
        pytest.skip(str(refused))
    with (
        tempfile.TemporaryDirectory(dir=base_directory()) as directory,
        compose_cluster(Path(directory)) as made,
    ):
        migrated = made.manage("mtp_owner", "migrate_providers")
        assert migrated.returncode == 0, migrated.stderr
        step(made, "mtp_app", "order")
        yield made


@pytest.fixture(scope="module")
def provisioned(cluster: Cluster) -> dict[str, Any]:
    """What the app's role could not do, and the owner's role did."""
    return {role: step(cluster, role, "deliver") for role in ("mtp_app", "mtp_owner")}


def test_the_cluster_has_the_encoding_and_the_locale_of_the_file(cluster: Cluster) -> None:
    with cluster.connect("mtp_app") as connection:
        row = connection.execute(
            "SELECT pg_encoding_to_char(encoding), datlocprovider, datlocale,"
            " pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
        ).fetchone()
        assert row == ("UTF8", "b", "C.UTF-8", "mtp_owner")


def test_only_the_owner_makes_a_provider_s_schema(provisioned: dict[str, Any]) -> None:
    assert provisioned["mtp_app"]["state"] == "failed"
    assert "permission denied for database" in provisioned["mtp_app"]["detail"]
    assert provisioned["mtp_owner"] == {"state": "active", "detail": ""}


def test_the_app_counts_and_refuses_in_a_new_schema(
    cluster: Cluster, provisioned: dict[str, Any]
) -> None:
    assert step(cluster, "mtp_app", "use") == {"refused": 1, "events": 1, "count": 1}


def test_every_scheduled_task_runs_with_the_app_s_role(
    cluster: Cluster, provisioned: dict[str, Any]
) -> None:
    result = step(cluster, "mtp_app", "rounds")
    assert len(result["tasks"]) > 10
    assert {task: error for task, error in result["tasks"].items() if error} == {}
    # Stripe is a closed port in the tests.
    assert [text for text in result["alerts"] if not text.startswith("NoAnswer")] == []


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE SCHEMA provider_mine",
        "CREATE TABLE public.mine (id int)",
        f"CREATE TABLE {SCHEMA}.mine (id int)",
        "CREATE TEMPORARY TABLE mine (id int)",
        f"CREATE FUNCTION {SCHEMA}.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        f"CREATE OR REPLACE FUNCTION {SCHEMA}.usage_refuse() RETURNS trigger LANGUAGE c AS 'x'",
        f"ALTER FUNCTION {SCHEMA}.usage_refuse() RENAME TO mine",
        f"ALTER TABLE {SCHEMA}.usage_usageevent DISABLE TRIGGER ALL",
        f"ALTER TABLE {SCHEMA}.usage_usageevent ADD COLUMN mine int",
        f"DROP TRIGGER usage_event_append_only ON {SCHEMA}.usage_usageevent",
        f"CREATE RULE mine AS ON DELETE TO {SCHEMA}.usage_usageevent DO INSTEAD NOTHING",
        f"CREATE INDEX ON {SCHEMA}.usage_usageevent (id)",
        f"TRUNCATE {SCHEMA}.usage_usageevent",
        f"DROP TABLE {SCHEMA}.usage_usageevent",
        f"DROP SCHEMA {SCHEMA} CASCADE",
        f"ALTER SCHEMA {SCHEMA} RENAME TO theirs",
        "ALTER TABLE public.accounts_provider OWNER TO mtp_app",
        "ALTER ROLE mtp_app SUPERUSER",
        "CREATE ROLE mine",
        "CREATE DATABASE mine",
        "CREATE EXTENSION hstore",
        "SET ROLE mtp_owner",
        "SET session_replication_role = replica",
        f"SELECT setval('{SCHEMA}.usage_usageevent_id_seq', 1)",
        "COPY public.accounts_provider TO '/tmp/rows'",
        "SELECT pg_read_file('PG_VERSION')",
    ],
)
def test_the_app_may_not(cluster: Cluster, provisioned: dict[str, Any], statement: str) -> None:
    with cluster.connect("mtp_app") as connection:
        try:
            connection.execute(statement)
        except errors.InsufficientPrivilege:
            return
        except psycopg.Warning:
            pass
    pytest.fail("The app's role may do this.")


def test_the_app_reads_and_writes_every_table_and_owns_none(
    cluster: Cluster, provisioned: dict[str, Any]
) -> None:
    with cluster.connect("mtp_app") as connection:
        tables = connection.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'v')"
            " AND relnamespace::regnamespace::text IN ('public', %s)",
            [SCHEMA],
        ).fetchall()
        assert len(tables) > 90
        for (table,), privilege in itertools.product(
            tables, ("SELECT", "INSERT", "UPDATE", "DELETE")
        ):
            row = connection.execute("SELECT has_table_privilege(%s, %s)", [table, privilege])
            assert row.fetchone() == (True,), f"{privilege} on {table}"
        owned = connection.execute(
            "SELECT count(*) FROM pg_class WHERE relowner = 'mtp_app'::regrole"
        ).fetchone()
        assert owned == (0,)


def test_another_role_does_not_reach_the_database(cluster: Cluster) -> None:
    with cluster.connect("postgres") as connection:
        connection.execute("CREATE ROLE stranger LOGIN PASSWORD 'stranger'")
    url = cluster.url("mtp_app").replace("mtp_app", "stranger")
    url = url.replace(cluster.passwords["mtp_app"], "stranger")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(url)


@pytest.mark.parametrize(
    "command",
    [
        ("rebuild_usage", "--apply"),
        ("reconcile_restored", "--to", "2026-11-29T08:00+00:00", "--stopped", "2026-11-29T09:00Z"),
    ],
    ids=lambda command: command[0],
)
def test_a_command_that_needs_the_owner_says_so(
    cluster: Cluster, provisioned: dict[str, Any], command: tuple[str, ...]
) -> None:
    done = cluster.manage("mtp_app", *command)
    assert done.returncode == 1
    assert "Use the address of mtp_owner" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_backup_s_role_copies_files_and_reads_no_table(
    cluster: Cluster, provisioned: dict[str, Any]
) -> None:
    with cluster.connect("mtp_backup") as connection:
        connection.execute("SELECT pg_switch_wal()")
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("SELECT FROM accounts_provider")
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE public.mine (id int)")
    url = f"{cluster.url('mtp_backup')}?replication=true"
    psycopg.connect(url, autocommit=True).close()
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
        psycopg.connect(f"{cluster.url('mtp_owner')}?replication=true")
