"""The doctor against the real parts: each fault is a problem with its next step."""

import os
import socketserver
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import time_machine
from django.core.mail import get_connection
from django.db import connection
from django.utils import timezone
from psycopg import sql

from accounts.models import Provider
from billing.documents import fonts
from billing.documents.fonts import FONTS
from billing.gateway.endpoints import Endpoint
from core.encryption import encrypt
from core.schema import provider_schema
from integrations.models import AutotaskConnection
from mtp.doctor import database, machine, services
from mtp.doctor.findings import Finding, Look, Outcome, findings_of
from tests.autotask_fixtures import AutotaskStandIn
from tests.database_url import database_url
from tests.mtp.production_settings import start
from tests.sandbox_fixtures import StripeStandIn

CLOSED = "127.0.0.1:9"


def findings(look: Look) -> list[Finding]:
    return list(findings_of("Part", look, next_step="Repair it."))


def problem(look: Look) -> Finding:
    (found,) = [each for each in findings(look) if each.outcome is Outcome.PROBLEM]
    assert found.next_step
    return found


def is_well(look: Look) -> bool:
    return {each.outcome for each in findings(look)} == {Outcome.OK}


@pytest.fixture
def receiver() -> Iterator[int]:
    """The port of a mail server that knows no login."""

    class Smtp(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 mail.example\r\n")
            for line in self.rfile:
                verb = line.split()[0].upper()
                answer = {
                    b"EHLO": b"250-mail.example\r\n250 AUTH PLAIN LOGIN",
                    b"AUTH": b"535 5.7.8 Authentication credentials invalid",
                    b"QUIT": b"221 Bye",
                }.get(verb, b"250 OK")
                self.wfile.write(answer + b"\r\n")

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Smtp) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


# --- The whole command ----------------------------------------------------------------------------


def test_a_healthy_portal_has_no_problem(
    committed: None, stripe_stand_in: StripeStandIn, autotask_stand_in: AutotaskStandIn
) -> None:
    stripe_stand_in.control(
        "POST", "webhook", url="http://testserver/webhooks/stripe/", secret="whsec_test"
    )
    try:
        run = start(
            {
                **os.environ,
                "DATABASE_URL": database_url(),
                "STRIPE_API_BASE": stripe_stand_in.url,
                "AUTOTASK_BASE_URL": f"{autotask_stand_in.url}/atservicesrest",
            },
            *("manage.py", "doctor"),
        )
    finally:
        stripe_stand_in.calm()
    assert run.returncode == 0, run.stdout + run.stderr
    lines = run.stdout.splitlines()
    # Nothing backs the database of a test up.
    others = [line for line in lines if "Backup" not in line and not line.startswith(" ")]
    assert {line.split()[0] for line in others} == {"OK"}
    for part in ("Settings", "Database", "Migrations", "Redis", "Stripe webhook", "Fonts"):
        assert any(part in line for line in lines), part


def test_every_closed_port_is_a_problem_with_its_next_step_and_the_status_is_1() -> None:
    run = start(
        {
            **os.environ,
            "DATABASE_URL": f"postgres://u:hunter2@{CLOSED}/none",
            "REDIS_URL": f"redis://:hunter2@{CLOSED}/0",
            "EMAIL_URL": f"smtp://u:hunter2@{CLOSED}",
            "STRIPE_API_BASE": f"http://{CLOSED}",
            "AUTOTASK_BASE_URL": f"http://{CLOSED}",
        },
        *("manage.py", "doctor"),
    )
    assert run.returncode == 1
    lines = run.stdout.splitlines()
    problems = [at for at, line in enumerate(lines) if line.startswith("PROBLEM")]
    parts = {lines[at][9:24].strip() for at in problems}
    assert parts >= {"Database", "Migrations", "Redis", "Mail", "Stripe", "Autotask", "Clock"}
    assert all(lines[at + 1].strip().startswith("Next: ") for at in problems)
    assert f"{len(problems)} problems. Begin with the first." in run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    assert "hunter2" not in run.stdout + run.stderr


# --- The database ---------------------------------------------------------------------------------


def test_a_migration_that_is_missing_is_named(db: None) -> None:
    assert is_well(database.migrations)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'outbox' AND name LIKE '0001%'")
    assert "1 migrations of this release, such as outbox.0001_initial" in (
        problem(database.migrations).text
    )


def test_a_schema_that_is_behind_is_named(north: Provider) -> None:
    with provider_schema(north), connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'billing' AND name LIKE '0001%'")
    found = problem(database.migrations)
    assert north.schema_name in found.text
    assert "migrate_providers" in found.next_step


def test_an_empty_database_lacks_every_migration(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE django_migrations RENAME TO elsewhere")
    assert "lacks" in problem(database.migrations).text


def test_a_table_without_rights_is_named(north: Provider) -> None:
    assert is_well(database.role)
    table = sql.Identifier(north.schema_name, "billing_invoice")
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        role = sql.Identifier(cursor.fetchone()[0])
        cursor.execute(sql.SQL("REVOKE INSERT ON {} FROM {}").format(table, role))
    assert f"may not read and write {north.schema_name}.billing_invoice" in (
        problem(database.role).text
    )


def test_an_unsafe_setting_of_the_server_is_named(db: None) -> None:
    assert is_well(database.server)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")
    assert "synchronous_commit is off" in problem(database.server).text


def test_a_wrong_password_is_named(db: None) -> None:
    address = database_url(PASSWORD="wrong")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(address)
    run = start({**os.environ, "DATABASE_URL": address}, "manage.py", "doctor")
    assert run.returncode == 1
    assert "password authentication failed" in run.stdout


# --- Services -------------------------------------------------------------------------------------


def test_redis_with_a_wrong_password_is_a_problem(settings: Any) -> None:
    assert is_well(services.redis_server)
    before, _, host = settings.REDIS_URL.rpartition("@")
    assert before, "the Redis of the tests has a password"
    settings.REDIS_URL = f"redis://:wrong@{host}"
    assert "password" in problem(services.redis_server).text


def test_a_mail_server_answers_and_refuses_a_login(settings: Any, receiver: int) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", receiver
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    assert f"127.0.0.1:{receiver} answers without TLS" in findings(services.mail_server)[0].text
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "portal", "wrong"
    assert "535" in problem(services.mail_server).text
    settings.EMAIL_USE_TLS = True
    assert "STARTTLS" in problem(services.mail_server).text


def test_mails_that_stay_on_the_machine_are_said(settings: Any) -> None:
    assert get_connection().__class__.__module__ in findings(services.mail_server)[0].text


def test_stripe_without_an_endpoint_or_with_a_disabled_one_is_a_problem(
    stripe_account: StripeStandIn, settings: Any
) -> None:
    settings.STRIPE_API_KEY, settings.STRIPE_API_BASE = (
        stripe_account.secret_key,
        stripe_account.url,
    )
    assert "has no endpoint http://testserver/webhooks/stripe/" in problem(services.stripe).text
    ours = {"url": "http://testserver/webhooks/stripe/", "secret": "whsec_x"}
    stripe_account.control("POST", "webhook", **ours)
    assert is_well(services.stripe)
    stripe_account.control("POST", "webhook", **ours, held=True)
    assert "is disabled" in problem(services.stripe).text


def test_an_endpoint_without_an_event_is_a_problem(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{settings.SITE_URL}/webhooks/stripe/"
    some = frozenset({"payment_intent.succeeded", "refund.created"})
    endpoint = Endpoint(url=url, is_enabled=True, events=some)
    monkeypatch.setattr(services, "webhook_endpoints", lambda: [endpoint])
    found = problem(services.stripe)
    assert all(event in found.text for event in services.APPLIED_EVENTS - some)
    assert not any(event in found.text for event in some)


def test_a_refused_key_of_stripe_is_a_problem(stripe_account: StripeStandIn, settings: Any) -> None:
    settings.STRIPE_API_KEY, settings.STRIPE_API_BASE = "nonsense", stripe_account.url
    assert "API Key" in problem(services.stripe).text


def test_an_address_that_is_not_autotask_is_a_problem(
    stripe_stand_in: StripeStandIn, settings: Any, receiver: int
) -> None:
    settings.AUTOTASK_BASE_URL = f"http://127.0.0.1:{receiver}"
    assert problem(services.autotask)


def test_a_wrong_clock_is_a_problem(
    db: None, stripe_stand_in: StripeStandIn, settings: Any
) -> None:
    settings.STRIPE_API_BASE = stripe_stand_in.url
    assert is_well(services.clocks)
    with time_machine.travel(timezone.now() + timedelta(minutes=10)):
        wrong = [each for each in findings(services.clocks) if each.outcome is Outcome.PROBLEM]
    assert ["600 s ahead of database" in wrong[0].text, "s ahead of Stripe" in wrong[1].text] == [
        True,
        True,
    ]


# --- The machine ----------------------------------------------------------------------------------


def test_a_full_or_read_only_disk_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_well(machine.disk)
    monkeypatch.setattr(machine, "FEWEST_FREE_BYTES", 1 << 60)
    assert "GB free" in problem(machine.disk).text
    monkeypatch.setattr(machine.tempfile, "gettempdir", lambda: "/proc/self")
    assert "not writable" in problem(machine.disk).text or os.geteuid() == 0


def test_assets_that_were_not_collected_are_a_problem(settings: Any, tmp_path: Path) -> None:
    settings.IS_PRODUCTION, settings.STATIC_ROOT = True, tmp_path
    assert "collectstatic" in problem(machine.assets).next_step
    (tmp_path / "staticfiles.json").write_text("{}")
    assert is_well(machine.assets)


def test_missing_fonts_are_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert is_well(machine.fonts)
    (tmp_path / "Inter.ttf").write_bytes((FONTS / "Inter-Regular.ttf").read_bytes())
    fonts.printable_characters.cache_clear()
    monkeypatch.setattr(fonts, "FONTS", tmp_path)
    try:
        found = problem(machine.fonts).text
    finally:
        fonts.printable_characters.cache_clear()
    assert "漢" in found
    assert "A" not in found.split("No font has ")[1].split(":")[0]


def test_former_keys_are_noted_until_they_are_removed(north: Provider, settings: Any) -> None:
    settings.ENCRYPTION_KEYS = ["former"]
    with provider_schema(north):
        AutotaskConnection.objects.create(credentials=encrypt("secret"))
    settings.ENCRYPTION_KEYS = ["new", "former", "older"]
    notes = [each for each in findings(machine.keys) if each.outcome is Outcome.NOTE]
    assert [each.next_step for each in notes] == [
        "Run manage.py rotate_encryption_keys.",
        "Remove it.",
    ]
    assert "Key 3 of ENCRYPTION_KEYS is not used any more." in notes[1].text
    settings.ENCRYPTION_KEYS = ["new"]
    assert north.name in problem(machine.keys).text
