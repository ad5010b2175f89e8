"""The providers of the crash proof, and what must be true of them when all is delivered."""

import secrets
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import psycopg
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import Provider
from accounts.roles import Role
from billing.models import MonthClose
from core.months import Month
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from mtp.celery import app
from tenants.models import ManagedUser, MeteringPolicy, Organization
from tests.api_client import key_for
from tests.personas import create_persona
from tests.proofs.close_stage import Stage, create_stage
from tests.proofs.crash_clients import Plan, Seen
from tests.proofs.crash_stage import DATABASE, Portal
from tests.proofs.run import Run
from tests.providers import open_provider
from tests.sandbox_fixtures import StripeStandIn
from usage.ledger.verify import verify_ledger
from usage.models import UsageEvent

ORGANIZATIONS = 10
MONTHS = 4
DRAINED_SECONDS = 400
LOCK_NUMBERS = "SELECT last_number FROM billing_numbersequence WHERE name = 'invoice' FOR UPDATE"
WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND query LIKE '%%INTO billing_numbersequence%%'
"""


@dataclass
class Busy:
    """The provider that the clients use, and what they saw."""

    provider: Provider
    key: str
    session: str
    organizations: list[int]
    seen: list[Seen] = field(default_factory=list)

    def plan(self, portal: Portal, *, seed: int, clients: int, pause: float) -> Plan:
        """The clients' plan."""
        return Plan(
            urls=portal.urls,
            key=self.key,
            session=self.session,
            organizations=self.organizations,
            clients=clients,
            seed=seed,
            pause=pause,
        )


def create_busy_provider() -> Busy:
    """A provider with organizations, its key, and the session of its Owner."""
    suffix = secrets.token_hex(3)
    provider = open_provider(canary=f"Crash{suffix}", prefix=f"CR{suffix}".upper())
    owner = create_persona(
        provider=provider, role=Role.OWNER, name="Olive", email=f"olive@{suffix}.example"
    )
    with provider_schema(provider):
        MeteringPolicy.objects.update(free_user_limit=None)
        organizations = [
            Organization.objects.create(name=f"Organization {number}").pk
            for number in range(ORGANIZATIONS)
        ]
    browser = Client()
    browser.force_login(owner)
    session = browser.cookies["sessionid"].value
    return Busy(provider, key_for(provider), session, organizations)


def create_closing(portal: Portal) -> list[Stage]:
    """Two providers with a card and months that are due, one with a commitment."""
    key = portal.environment["STRIPE_API_KEY"]
    stripe = StripeStandIn(
        portal.environment["STRIPE_API_BASE"], account=key.removeprefix("sk_test_")
    )
    stages = []
    for committed in (False, True):
        months = _due_months()
        stage = create_stage(stripe, is_committed=committed, first=months[0])
        for month in months:
            stage.add_user(month)
        stages.append(stage)
    return stages


def _due_months() -> list[Month]:
    """The last months that are over everywhere, oldest first."""
    month = Month.of_day((timezone.now() - timedelta(days=2)).date())
    months = []
    for _ in range(MONTHS):
        month = month.previous
        months.insert(0, month)
    return months


def close_months() -> None:
    """What the beat sends each hour."""
    app.send_task("billing.tasks.close_due_months")


def left_to_close(stages: Sequence[Stage]) -> int:
    """How many months of the providers are not closed."""
    connection.close()
    left = 0
    for stage in stages:
        with provider_schema(stage.provider):
            left += MONTHS - MonthClose.objects.exclude(issued_at=None).count()
    return left


def interrupt_close(run: Run, portal: Portal, stage: Stage, *, number: int) -> None:
    """End PostgreSQL by this signal while a worker has frozen a month and takes its numbers."""
    # The server ends the holder too.
    with suppress(psycopg.OperationalError), portal.database() as holder:
        holder.autocommit = False
        holder.execute(f"SET search_path = {stage.provider.schema_name}")
        holder.execute(
            "INSERT INTO billing_numbersequence VALUES ('invoice', 0) ON CONFLICT DO NOTHING"
        )
        holder.commit()
        holder.execute(LOCK_NUMBERS)
        close_months()
        with portal.database() as watcher:
            until = time.monotonic() + 30
            while not watcher.execute(WAITING).fetchone()[0]:
                if time.monotonic() > until:
                    run.violations.append("no worker closes a month")
                    return
                time.sleep(0.02)
        portal.kill(DATABASE, number=number)
    run.counts["closes_interrupted"] += 1
    portal.restart(DATABASE)


def drain(run: Run, portal: Portal) -> None:
    """Wait until every message that is due within two hours is delivered.

    Each second brings the due times of messages that wait forward by a minute.
    """
    connection.close()
    began = time.monotonic()
    while unfinished := _unfinished():
        if time.monotonic() - began > DRAINED_SECONDS:
            run.violations += [f"not delivered: {message}" for message in unfinished[:20]]
            run.counts["lost_messages"] += len(unfinished)
            return
        portal.hasten()
        time.sleep(1)
    run.counts["seconds_to_drain"] = max(
        run.counts["seconds_to_drain"], round(time.monotonic() - began)
    )


def _unfinished() -> list[str]:
    soon = timezone.now() + timedelta(hours=2)
    due = OutboxMessage.objects.filter(finished_at=None, due_at__lte=soon)
    return [
        f"{topic} {key}, {attempts} attempts: {error}"
        for topic, key, attempts, error in due.values_list("topic", "key", "attempts", "last_error")
    ]


def compare(run: Run, portal: Portal, busy: Busy, stages: Sequence[Stage]) -> None:
    """Compare everything that clients saw, mails, invoices and charges with the database."""
    connection.close()
    with provider_schema(busy.provider):
        run.violations += [f"ledger: {difference}" for difference in verify_ledger()]
        for seen in busy.seen:
            run.violations += [f"client: {text}" for text in seen.unexpected]
            run.violations += list(_wrong_additions(run, seen))
    run.violations += list(_wrong_mails(run, portal, busy))
    for stage in stages:
        for month in stage.peaks:
            run.violations += [f"{month}: {error}" for error in stage.errors(month, run.counts)]


def _wrong_additions(run: Run, seen: Seen) -> Iterator[str]:
    added = Counter(
        {name.partition("@")[0]: count for name, count in _events_by_user(f"u{seen.seed}-").items()}
    )
    acknowledged = {name.partition("@")[0] for _, name in seen.acknowledged}
    run.counts["acknowledged"] += len(acknowledged)
    for name in acknowledged:
        if added[name] != 1:
            run.counts["lost" if not added[name] else "twice"] += 1
            yield f"{name} was acknowledged and is there {added[name]} times"
    refused = {name.partition("@")[0] for name in seen.refused}
    for name in refused & added.keys():
        run.counts["refused_and_done"] += 1
        yield f"{name} is there, and its client read that nothing was changed"
    unknown = {name.partition("@")[0] for name in seen.unknown}
    run.counts["unknown"] += len(unknown)
    run.counts["unknown_and_done"] += len(unknown & added.keys())
    for name in added.keys() - acknowledged - unknown - refused:
        yield f"{name} is there, and no client knows it"


def _events_by_user(prefix: str) -> dict[str, int]:
    """How many additions the log has of each user of these."""
    emails = dict(ManagedUser.objects.filter(email__startswith=prefix).values_list("pk", "email"))
    events = UsageEvent.objects.filter(metric="users", subject_id__in=list(emails))
    found: Counter[str] = Counter()
    for subject, delta in events.values_list("subject_id", "delta"):
        found[emails[subject]] += delta
    return found


def _wrong_mails(run: Run, portal: Portal, busy: Busy) -> Iterator[str]:
    received = Counter(mail["id"] for mail in portal.received())
    run.counts["mails"] += len(received)
    run.counts["mails_repeated"] += sum(received.values()) - len(received)
    queued = OutboxMessage.objects.filter(payload__has_key="message_id")
    invited = set()
    for payload in queued.values_list("payload", flat=True):
        invited |= set(payload["to"])
        if not received[payload["message_id"]]:
            run.counts["lost"] += 1
            yield f"a mail to {payload['to']} was not received"
    for seen in busy.seen:
        run.counts["invitations"] += len(seen.invited)
        for _, email in seen.invited:
            if email not in invited:
                run.counts["lost"] += 1
                yield f"{email} was invited without a mail"
