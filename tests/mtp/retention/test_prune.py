"""Rows are removed when their period is over, and not before."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection
from django.db.models import Model
from django.test import Client

from accounts.models import Provider, SignInEvent, User
from billing.models import WebhookEvent
from billing.promises.documents import MAILS_OF_LAST
from core.operations.models import OperationsAlert, UnmatchedEvent
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from mtp.retention import prune as pruning
from mtp.retention.periods import PLATFORM_RULES, PROVIDER_RULES, Rule
from mtp.retention.prune import prune_platform, prune_provider
from mtp.retention.tasks import prune_all, prune_providers
from tenants.models import Alert, ImportRun, Organization, RefusedLine
from tenants.models.alerts import AlertEvent, Kind, Severity
from tenants.models.audit import AuditEntry
from tests.personas import Personas
from usage.models import DailySnapshot, UsageEvent

NOW = datetime(2031, 5, 6, 12, tzinfo=UTC)
BODY = {"text": "https://portal.example/reset/secret", "html": "<p>secret</p>"}
BLANK = {"text": "", "html": ""}
RULES = {rule.name: rule for rule in (*PLATFORM_RULES, *PROVIDER_RULES)}


@pytest.fixture(autouse=True)
def _no_rows_of_other_tests(db: None) -> None:
    """Removes what tests of browsers committed: sign-ins and mails outlive them."""
    prune_platform(now=NOW)


def message(key: str, **facts: Any) -> OutboxMessage:
    facts = {"payload": {}, **facts}
    return OutboxMessage.objects.create(
        topic="mail.send", key=key, created_at=NOW, due_at=NOW, **facts
    )


def operations_alert(key: str, **facts: Any) -> OperationsAlert:
    return OperationsAlert.objects.create(
        kind="tests", key=key, summary="s", next_step="n", opened_at=NOW, last_seen_at=NOW, **facts
    )


def unmatched_event(key: str, settled_at: datetime | None) -> UnmatchedEvent:
    return UnmatchedEvent.objects.create(
        event_id=key, type="t", object_id="o", reason="r", received_at=NOW, settled_at=settled_at
    )


def session(key: str, at: datetime) -> Session:
    return Session.objects.create(session_key=key, session_data="", expire_date=at)


def listed_session(key: str, at: datetime) -> UserSession:
    person = User.objects.filter(is_staff=False).first()
    return UserSession.objects.create(
        session_key=key, user=person, ip="192.0.2.7", user_agent="", created_at=at
    )


def event(key: str, applied_at: datetime | None) -> WebhookEvent:
    return WebhookEvent.objects.create(
        event_id=key, type="t", object_id="o", created_at=NOW, received_at=NOW,
        applied_at=applied_at,
    )  # fmt: skip


def organization() -> Organization:
    return Organization.objects.get_or_create(name="Acme Nordlicht")[0]


def import_run(
    state: str, *, started_at: datetime = NOW, finished_at: datetime | None = None
) -> ImportRun:
    run = ImportRun.objects.create(
        organization=organization(), kind="users", state=state, file_name="u.csv",
        content=b"email\na@acme.example", encoding="utf-8", lines=1, refused=1,
        started_at=started_at, started_by_name="Adam", finished_at=finished_at,
    )  # fmt: skip
    RefusedLine.objects.create(run=run, line=2, reason="bad_email", subject="a@acme.example")
    return run


def alert(cause: str, resolved_at: datetime | None) -> Alert:
    made = Alert.objects.create(
        cause=cause, kind=Kind.CAPS, severity=Severity.INFO, title=cause, opened_at=NOW,
        resolved_at=resolved_at,
    )  # fmt: skip
    AlertEvent.objects.create(
        alert=made, at=NOW, step="opened", severity=Severity.INFO, title=cause, actor_name="Adam"
    )
    return made


def snapshot(at: datetime) -> DailySnapshot:
    return DailySnapshot.objects.create(
        organization=organization(), day=at.date(), users=1, devices=1, users_high_water_mark=1,
        devices_high_water_mark=1,
    )  # fmt: skip


def edge(name: str) -> tuple[datetime, datetime]:
    """An instant just outside of the rule's period, and one just inside."""
    end = NOW - timedelta(days=RULES[name].days)
    return end - timedelta(seconds=1), end + timedelta(seconds=1)


def exists(row: Any) -> bool:
    return type(row).objects.filter(pk=row.pk).exists()


PLATFORM_CASES: dict[str, Callable[[str, datetime], Model]] = {
    "finished outbox messages": lambda key, at: message(key, finished_at=at),
    "expired sessions": session,
    "listed sessions": listed_session,
    "settled operations alerts": lambda key, at: operations_alert(key, settled_at=at),
    "settled unmatched events": lambda key, at: unmatched_event(key, settled_at=at),
}
PROVIDER_CASES: dict[str, Callable[[str, datetime], Model]] = {
    "applied events of Stripe": event,
    "resolved alerts": alert,
}


@pytest.mark.parametrize("name", PLATFORM_CASES)
def test_rows_of_the_platform_are_deleted_after_their_period(people: Personas, name: str) -> None:
    outside, inside = edge(name)
    old, young = PLATFORM_CASES[name]("old", outside), PLATFORM_CASES[name]("young", inside)
    assert prune_platform(now=NOW)[name] == 1
    assert (exists(old), exists(young)) == (False, True)


@pytest.mark.parametrize("name", PROVIDER_CASES)
def test_rows_of_a_provider_are_deleted_after_their_period(north: Provider, name: str) -> None:
    outside, inside = edge(name)
    with provider_schema(north):
        old, young = PROVIDER_CASES[name]("old", outside), PROVIDER_CASES[name]("young", inside)
    assert prune_provider(provider=north, now=NOW)[name] == 1
    with provider_schema(north):
        assert (exists(old), exists(young)) == (False, True)


def test_snapshots_are_deleted_after_their_period(north: Provider) -> None:
    end = NOW - timedelta(days=RULES["daily snapshots"].days)
    with provider_schema(north):
        old, young = snapshot(end - timedelta(days=1)), snapshot(end)
        prune_provider(provider=north, now=NOW)
        assert (exists(old), exists(young)) == (False, True)


def test_what_is_not_finished_is_kept_however_old(north: Provider) -> None:
    long_ago = NOW - timedelta(days=5_000)
    pending, dead = (
        message("pending", payload=BODY),
        message("dead", payload=BODY, dead_at=long_ago),
    )
    raised, unmatched = operations_alert("open"), unmatched_event("open", None)
    with provider_schema(north):
        unapplied, unresolved = event("unapplied", None), alert("unresolved", None)
        applying = import_run("applying", started_at=long_ago)
    prune_platform(now=NOW)
    prune_provider(provider=north, now=NOW)
    for kept in (pending, dead):
        kept.refresh_from_db()
        assert kept.payload == BODY
    assert exists(raised)
    assert exists(unmatched)
    with provider_schema(north):
        assert exists(unapplied)
        assert exists(unresolved)
        applying.refresh_from_db()
        assert (applying.state, bool(applying.content)) == ("applying", True)
        assert applying.refused_lines.exists()


def test_the_body_of_a_finished_mail_of_an_earlier_release_is_blanked(db: None) -> None:
    just_now = NOW - timedelta(seconds=1)
    finished = message("done", finished_at=just_now, payload={"to": ["a@b.example"], **BODY})
    work = message("work", finished_at=just_now, payload={"invoice_id": 4})
    assert prune_platform(now=NOW)["bodies of finished mails"] == 1
    assert prune_platform(now=NOW)["bodies of finished mails"] == 0
    finished.refresh_from_db()
    work.refresh_from_db()
    assert finished.payload == {"to": ["a@b.example"], **BLANK}
    assert work.payload == {"invoice_id": 4}


@pytest.mark.parametrize("state", ["imported", "nothing_imported", "discarded"])
def test_file_and_refused_lines_of_an_import_are_removed_after_their_period(
    north: Provider, state: str
) -> None:
    outside, inside = edge("files of imports")
    with provider_schema(north):
        old, young = (import_run(state, finished_at=at) for at in (outside, inside))
        prune_provider(provider=north, now=NOW)
        for run, is_kept in ((old, False), (young, True)):
            run.refresh_from_db()
            assert bool(run.content) is is_kept
            assert run.refused_lines.exists() is is_kept
            assert (run.refused, run.state) == (1, state)


def test_an_import_that_is_never_confirmed_is_discarded(north: Provider) -> None:
    outside, inside = edge("imports that wait for a confirmation")
    with provider_schema(north):
        old, young = (import_run("checked", started_at=at) for at in (outside, inside))
        prune_provider(provider=north, now=NOW)
        old.refresh_from_db()
        young.refresh_from_db()
    assert (old.state, old.finished_at, bool(old.content)) == ("discarded", NOW, True)
    assert young.state == "checked"


def test_the_page_of_an_import_says_that_its_file_is_not_kept(
    north: Provider, people: Personas, client: Client
) -> None:
    client.force_login(people.adam)
    with provider_schema(north):
        run = import_run("imported", finished_at=edge("files of imports")[0])
    address = f"/organizations/{run.organization_id}/imports/{run.pk}/"
    assert "a@acme.example" in client.get(address).text
    assert client.get(f"{address}refused.csv").status_code == 200
    prune_provider(provider=north, now=NOW)
    page = client.get(address).text
    assert "not kept any more" in page
    assert "refused.csv" not in page
    assert client.get(f"{address}refused.csv").status_code == 404


def test_messages_are_kept_for_longer_than_the_promises_look_back() -> None:
    kept = timedelta(days=RULES["finished outbox messages"].days)
    assert kept >= MAILS_OF_LAST + timedelta(days=15)


def test_append_only_tables_are_in_no_rule(north: Provider) -> None:
    with provider_schema(north):
        pruned = {rule.rows(NOW).model for rule in RULES.values()}
    assert not pruned & {UsageEvent, AuditEntry, SignInEvent}


def test_many_rows_are_removed_in_bounded_batches(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "ROWS_A_BATCH", 2)
    monkeypatch.setattr(pruning, "MOST_BATCHES", 2)
    name = "expired sessions"
    outside, inside = edge(name)
    for number in range(5):
        session(f"old{number}", outside)
    young = session("young", inside)
    assert [prune_platform(now=NOW)[name] for _ in range(3)] == [4, 1, 0]
    assert exists(young)


def test_statements_have_a_limit(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def rows(cutoff: datetime) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            seen.append(cursor.fetchone()[0])
        return Session.objects.filter(expire_date__lt=cutoff)

    monkeypatch.setattr(pruning, "PLATFORM_RULES", (Rule("tests", 0, rows),))
    prune_platform(now=NOW)
    assert set(seen) == {"1min"}


def test_a_failure_of_one_provider_stops_no_other(
    north: Provider, south: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    for provider in (north, south):
        with provider_schema(provider):
            event("old", long_ago)
    with provider_schema(north), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE billing_webhookevent RENAME TO elsewhere")
    prune_providers([north.pk, south.pk])
    (raised,) = OperationsAlert.objects.open()
    assert (raised.schema_name, raised.kind) == (north.schema_name, "rounds.prune")
    with provider_schema(south):
        assert not WebhookEvent.objects.exists()
    with pytest.raises(CommandError, match="1 provider failed"):
        call_command("prune", stdout=StringIO())


def test_the_task_prunes_the_platform_and_every_provider(
    north: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    monkeypatch.setattr(prune_providers, "delay", sent.extend)
    old = message("old", finished_at=datetime(2020, 1, 1, tzinfo=UTC))
    prune_all()
    assert not exists(old)
    assert north.pk in sent


def test_a_failure_of_the_platform_is_an_alert(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def rows(_: datetime) -> Any:
        raise ProgrammingError("no such table")

    monkeypatch.setattr(prune_providers, "delay", lambda _: None)
    with monkeypatch.context() as patched:
        patched.setattr(pruning, "PLATFORM_RULES", (Rule("tests", 0, rows),))
        prune_all()
    assert OperationsAlert.objects.open().get().title.endswith("is over failed")
    prune_all()
    assert not OperationsAlert.objects.open().exists()


def test_a_dry_run_counts_and_removes_nothing(north: Provider, south: Provider) -> None:
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    old = message("old", finished_at=long_ago)
    for provider in (north, south):
        with provider_schema(provider):
            event("old", long_ago)
    output = StringIO()
    call_command("prune", "--dry-run", stdout=output)
    lines = [line.split(maxsplit=1) for line in output.getvalue().splitlines()]
    counts = {words.partition(",")[0]: number for number, words in lines}
    assert counts["finished outbox messages"] == "1"
    assert counts["applied events of Stripe"] == "2"
    assert exists(old)
    output = StringIO()
    call_command("prune", stdout=output)
    assert not exists(old)
