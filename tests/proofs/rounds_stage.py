"""The rounds over the provider of a history, and what they missed."""

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from django.db import connection, transaction

from accounts.due_providers import take_changes
from accounts.models import Provider
from accounts.provider_batches import DueRound, due_batches, due_rounds, look_at_due
from accounts.roles import Role
from core.schema import provider_schema
from mtp.celery import app
from tests.personas import create_persona
from tests.proofs.rounds_changes import CHANGES
from tests.proofs.rounds_history import History
from tests.proofs.run import Run
from tests.providers import close_provider, open_provider

STEPS = 60
MOST_LOOKS = 6
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland", "Asia/Kolkata")
# Everything that a round writes, without columns that say when it looked.
RESULTS = {
    "alerts": "SELECT to_jsonb(t) FROM tenants_alert t",
    "history": "SELECT to_jsonb(t) FROM tenants_alertevent t",
    "digests": "SELECT to_jsonb(t) FROM tenants_alertmailpreference t",
    "steps": "SELECT to_jsonb(t) FROM billing_dunningstep t",
    "notices": "SELECT to_jsonb(t) FROM billing_renewalnotice t",
    "cards": "SELECT to_jsonb(t) FROM billing_paymentmethod t",
    "snapshots": "SELECT to_jsonb(t) FROM usage_dailysnapshot t",
    "nights": "SELECT to_jsonb(t) FROM usage_snapshotrun t",
    "outstanding": "SELECT schema_name, outstanding_from FROM public.accounts_provider",
    "mails": "SELECT schema_name, topic, key FROM public.outbox_outboxmessage",
    "operations": "SELECT schema_name, kind, key, settled_at FROM"
    " public.operations_operationsalert",
}
TABLE = re.compile(r"\b(?:tenants|usage|billing|integrations)_[a-z]+\b")
# Read by rounds, but no input: written with another row that marks, or by the round itself.
WITHOUT_MARK = {
    # The round of snapshots becomes due by time alone, and reads everything that is counted.
    "usage_snapshotrun",
    "usage_dailysnapshot",
    "usage_usageevent",
    "usage_monthlyusage",
    "usage_frozenmonth",
    "usage_activeuser",
    "tenants_manageduser",
    "tenants_device",
    # The history of an alert, written with it.
    "tenants_alertevent",
    # Names the receivers of mails; changes no decision.
    "billing_billingprofile",
}


@cache
def every_round() -> tuple[DueRound, ...]:
    """The rounds; the tasks of all apps register them."""
    app.loader.import_default_modules()
    return tuple(due_rounds())


def results(provider: Provider) -> dict[str, list[str]]:
    """The rows that rounds write, of this provider and of the platform."""
    found = {}
    with provider_schema(provider), connection.cursor() as cursor:
        for name, statement in RESULTS.items():
            cursor.execute(statement)
            found[name] = sorted(str(row) for row in cursor.fetchall())
    return found


def look_if_due(history: History) -> int:
    """Let each round look at the provider for as long as it is due; returns the looks."""
    looks = 0
    for _ in range(MOST_LOOKS):
        took = 0
        for round_ in every_round():
            batches = due_batches(round_, now=history.now)
            if any(history.provider.pk in batch for batch in batches):
                look_at_due([history.provider.pk], round_=round_, now=history.now)
                took += 1
        looks += took
        if not took:
            return looks
    raise AssertionError("The rounds do not come to rest: a look without a result marks.")


def missed(history: History) -> Iterator[str]:
    """What a look of every round changes although none was due; it is rolled back."""
    before = results(history.provider)
    with transaction.atomic():
        for round_ in every_round():
            provider = round_.providers(now=history.now).filter(pk=history.provider.pk).first()
            if provider is not None:
                round_.look(provider, history.now)
        after = results(history.provider)
        transaction.set_rollback(True)
    for name in RESULTS:
        for row in set(after[name]) ^ set(before[name]):
            yield f"{name} at {history.now}: {row[:200]}"


def play(run: Run, history: History, *, steps: int) -> Iterator[str]:
    """Play a history; yields what the rounds missed."""
    for _ in range(steps):
        for _ in range(history.dice.choice((0, 1, 1, 2))):
            history.step(CHANGES)
        if history.dice.random() < 0.7:
            history.pass_time()
        run.counts["looks"] += look_if_due(history)
        run.counts["steps"] += 1
        yield from missed(history)


@contextmanager
def reading() -> Iterator[set[str]]:
    """The names of tables and views in the statements of the block."""
    tables: set[str] = set()

    def note(execute: Any, statement: Any, parameters: Any, many: bool, context: Any) -> Any:
        tables.update(TABLE.findall(str(statement)))
        return execute(statement, parameters, many, context)

    with connection.execute_wrapper(note):
        yield tables


def marking(provider: Provider) -> set[str]:
    """The provider's tables with the trigger that marks it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid"
            " WHERE tgname = 'provider_changed' AND relnamespace = %s::regnamespace",
            [f'"{provider.schema_name}"'],
        )
        return {name.rpartition(".")[2] for (name,) in cursor.fetchall()}


def views_of(provider: Provider) -> set[str]:
    """Its views."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT viewname FROM pg_views WHERE schemaname = %s", [provider.schema_name]
        )
        return {name for (name,) in cursor.fetchall()}


def tables_of_views(provider: Provider, views: set[str]) -> set[str]:
    """The tables that these views read."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.view_table_usage"
            " WHERE view_schema = %s AND view_name = ANY (%s)",
            [provider.schema_name, list(views)],
        )
        return {name for (name,) in cursor.fetchall()}


def unmarked(provider: Provider, tables: set[str]) -> set[str]:
    """The tables among these, and behind their views, whose changes no round would learn of."""
    views = views_of(provider)
    read = {table for table in tables if _is_table(provider, table)}
    read |= tables_of_views(provider, tables & views)
    return read - views - marking(provider) - WITHOUT_MARK


def _is_table(provider: Provider, name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [f'"{provider.schema_name}"."{name}"'])
        return cursor.fetchone()[0] is not None


def play_all(run: Run) -> dict[str, Any]:
    """Play `run.tries` histories, each of a provider that is dropped afterwards."""
    for number in range(run.tries):
        dice = random.Random(run.seed + number)
        provider = open_provider(
            canary=f"Round{number}", prefix=f"R{number}", billing_time_zone=dice.choice(ZONES)
        )
        readers = [
            create_persona(
                provider=provider, role=role, name=name, email=f"{name}@round{number}.example"
            )
            for name, role in (("olive", Role.OWNER), ("adam", Role.ADMIN))
        ]
        take_changes()
        history = History(provider, readers, dice)
        run.violations += play(run, history, steps=STEPS)
        run.counts["changes"] += history.serial
        close_provider(provider)
    return run.result("steps", "changes", "looks")
