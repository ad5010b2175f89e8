"""The providers of the release proof, both releases, and their processes."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from socket import create_server
from urllib.request import urlopen

from django.db.migrations.loader import MigrationLoader
from django.test import Client

from accounts.models import Provider
from accounts.roles import Role
from core.outbox.lanes import Lane
from core.schema import provider_schema
from mtp.workers import SCHEDULED
from tenants.models import ManagedUser, MeteringPolicy, Organization
from tests.api_client import key_for
from tests.database_url import database_url
from tests.personas import create_persona
from tests.providers import open_provider

ROOT = Path(__file__).resolve().parents[2]
# What the programs of a release are made of.
PARTS = (
    *("accounts", "billing", "core", "integrations", "mtp", "sandbox", "tenants", "usage"),
    *("static", "templates", "gunicorn.conf.py", "manage.py"),
)
# A busy table of each app gets a column.
TABLES = {
    "accounts": "accounts_user",
    "outbox": "outbox_outboxmessage",
    "operations": "operations_heartbeat",
    "tenants": "tenants_manageduser",
    "usage": "usage_usageevent",
    "billing": "billing_invoice",
    "integrations": "integrations_syncrun",
}
EXPAND, CONTRACT = "9001_next_release", "9002_contract_next_release"
MIGRATION = """
from django.db import migrations

class Migration(migrations.Migration):
    dependencies = [("{label}", "{after}")]
    operations = [migrations.RunSQL("{sql}", migrations.RunSQL.noop)]
"""
START_SECONDS, STOP_SECONDS = 300, 180


@dataclass(frozen=True)
class Customer:
    """A provider with a signed-in Owner, a key of the API and an organization."""

    provider: Provider
    cookie: str
    key: str
    organization_id: int

    def added(self) -> list[str]:
        """The addresses of its users."""
        with provider_schema(self.provider):
            return list(ManagedUser.objects.values_list("email", flat=True))


def create_customers(number: int) -> list[Customer]:
    """Create so many providers."""
    return [_create_customer(position) for position in range(number)]


def _create_customer(position: int) -> Customer:
    suffix = f"{position:03X}{secrets.token_hex(1)}".upper()
    provider = open_provider(canary=f"Release{suffix}", prefix=f"R{suffix}")
    owner = create_persona(
        provider=provider,
        role=Role.OWNER,
        name="Owner",
        email=f"owner@{suffix}.example".lower(),
    )
    with provider_schema(provider):
        MeteringPolicy.objects.update(free_user_limit=None)
        organization = Organization.objects.create(name=f"Organization {suffix}")
    browser = Client()
    browser.force_login(owner)
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in browser.cookies.items())
    return Customer(provider, cookie, key_for(provider), organization.pk)


def copy_as_next_release(directory: Path) -> Path:
    """Copy this release with one more expand step for each app, and a contract step of tenants."""
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, directory / part)
        else:
            shutil.copy(ROOT / part, directory / part)
    graph = MigrationLoader(None).graph
    for label, table in TABLES.items():
        ((_, last),) = graph.leaf_nodes(label)
        add = f"ALTER TABLE {table} ADD COLUMN of_next_release text"
        _write(directory, label, EXPAND, after=last, sql=add)
    drop = "ALTER TABLE tenants_manageduser DROP COLUMN of_next_release"
    _write(directory, "tenants", CONTRACT, after=EXPAND, sql=drop)
    return directory


def _write(directory: Path, label: str, name: str, *, after: str, sql: str) -> None:
    app = directory / ("core" if label in ("outbox", "operations") else "") / label
    text = MIGRATION.format(label=label, after=after, sql=sql)
    (app / "migrations" / f"{name}.py").write_text(text)


@dataclass
class Program:
    """A process of one release, with its log."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def said(self) -> str:
        """What it has logged."""
        return self.log.read_text(errors="replace")

    def stop(self) -> None:
        """Stop it as compose and systemd do. Raises `TimeoutExpired` if it does not end."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(STOP_SECONDS)


@dataclass
class Site:
    """The machine: ports of the two web servers, settings, and what runs."""

    logs: Path
    mails: Path
    ports: tuple[int, int]
    running: list[Program] = field(default_factory=list)

    def start(self, tree: Path, *arguments: str) -> Program:
        """Start a command of the release in `tree`."""
        log = self.logs / f"{len(self.running):02}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=tree,
                env={
                    **os.environ,
                    "DATABASE_URL": database_url(),
                    "EMAIL_URL": f"filemail:///{self.mails}",
                    "API_REQUESTS_PER_MINUTE": "100000",
                    "WEB_PROCESSES": "1",
                    "PYTHONPATH": str(tree),
                },
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        program = Program(process, log)
        self.running.append(program)
        return program

    def start_web(self, tree: Path, port: int) -> Program:
        """Start a web server."""
        return self.start(tree, "-m", "gunicorn", "mtp.wsgi", f"--bind=127.0.0.1:{port}")

    def start_worker(self, tree: Path) -> Program:
        """Start a worker of all queues."""
        queues = ",".join([*Lane, SCHEDULED])
        return self.start(
            tree,
            *("-m", "celery", "-A", "mtp", "worker", f"--queues={queues}", "--concurrency=2"),
            *("--without-gossip", "--without-mingle", "--loglevel=INFO"),
        )

    def migrate(self, tree: Path, *options: str) -> None:
        """Migrate to the release in `tree`; raises RuntimeError with the log if a schema fails."""
        program = self.start(tree, "manage.py", "migrate_providers", *options)
        if program.process.wait():
            raise RuntimeError(program.said)

    def stop_all(self) -> None:
        """Stop whatever still runs."""
        for program in self.running:
            if program.process.poll() is None:
                program.stop()


def wait_for_web(program: Program, port: int) -> None:
    """Wait until a web server is ready; raises RuntimeError with its log if it is not in time."""
    _wait(program, lambda: _is_ready(port))


def wait_for_worker(program: Program) -> None:
    """Wait until a worker takes tasks; raises as `wait_for_web`."""
    _wait(program, lambda: " ready." in program.said)


def refusal_of(program: Program) -> str:
    """What a process says that must refuse to start; "" if it starts all the same."""
    try:
        return program.said if program.process.wait(START_SECONDS) else ""
    except subprocess.TimeoutExpired:
        return ""


def free_ports() -> tuple[int, int]:
    """Two ports of this machine that are free now."""
    with create_server(("127.0.0.1", 0)) as one, create_server(("127.0.0.1", 0)) as two:
        return int(one.getsockname()[1]), int(two.getsockname()[1])


def _is_ready(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/ready", timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _wait(program: Program, reached: object) -> None:
    limit = time.monotonic() + START_SECONDS
    while not reached():
        if program.process.poll() is not None or time.monotonic() > limit:
            raise RuntimeError(program.said)
        time.sleep(0.1)
