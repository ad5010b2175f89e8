"""Proof that no client passes a cap: `make prove-cap`, or `python -m tests.proofs.cap`.

Clients add users to a few organizations by form, domain call, bulk_create, raw SQL and COPY, while
caps change and clients are killed inside transactions. Violations are: an event above the cap of
that instant, a log that does not match the counters, a user without a request, and a confirmed user
that is missing. The last line is one JSON object.
"""

import argparse
import json
import os
import random
import secrets
import signal
import sys
import time
from dataclasses import dataclass, field

from django.db import connection

from tests.own_database import own_portal

# Events above the cap that was active, which is the last one set before the event. A cap change and
# an addition never overlap, so their order is certain.
OVER_CAP = """
    SELECT count(*) FROM usage_usageevent e
    CROSS JOIN LATERAL (
        SELECT c.user_cap FROM proof_cap c
        WHERE c.organization_id = e.organization_id AND c.after_event_id < e.id
        ORDER BY c.id DESC LIMIT 1
    ) held
    WHERE e.metric = 'users' AND e.delta > 0 AND e.count_after > held.user_cap
"""
KILLS_AT_LEAST = 10
FIRST_CAPS = (13, 5, 34)
PROOF_TABLE = """
    CREATE TABLE proof_cap (id bigserial PRIMARY KEY, organization_id bigint NOT NULL,
                            user_cap int, after_event_id bigint NOT NULL)
"""


@dataclass
class Run:
    """One race: its arguments, the clients killed, and the violations."""

    seconds: float
    clients: int
    tries: int
    seed: int
    organizations: int
    killed: int = 0
    uncertain: int = 0
    violations: list[str] = field(default_factory=list)


def race(run: Run) -> dict[str, object]:
    """Run the race in a separate provider; returns the JSON object of the last line."""
    from tests.proofs.cap_clients import Tally
    from tests.providers import close_provider

    stage = _create_stage(run)
    tallies = [Tally() for _ in range(run.clients)]
    began = time.monotonic()
    try:
        _race_clients(run, stage, tallies)
        seconds = time.monotonic() - began
        events, cap_changes = _find_violations(run, stage, tallies)
    finally:
        close_provider(stage.provider)
    total = {name: sum(tally[number] for tally in tallies) for name, number in _counts().items()}
    return {
        "violations": len(run.violations),
        **total,
        "killed": run.killed,
        "events": events,
        "cap_changes": cap_changes,
        "clients": run.clients,
        "seed": run.seed,
        "seconds": round(seconds, 1),
    }


def _counts() -> dict[str, int]:
    from tests.proofs.cap_clients import Tally

    return {
        "tries": Tally.TRIES,
        "accepted": Tally.ACCEPTED,
        "refused": Tally.REFUSED,
        "busy": Tally.BUSY,
        "deadlocks": Tally.DEADLOCKS,
    }


def _create_stage(run: Run):
    from accounts.roles import Role
    from core.schema import provider_schema
    from tenants.models import MeteringPolicy, Organization
    from tests.personas import create_persona
    from tests.proofs.cap_clients import Stage
    from tests.providers import open_provider

    suffix = secrets.token_hex(2).upper()
    provider = open_provider(canary=f"Race{suffix}", prefix=f"CAP{suffix}")
    owner = create_persona(
        provider=provider, role=Role.OWNER, name="Racer", email=f"racer@{suffix}.example".lower()
    )
    with provider_schema(provider), connection.cursor() as cursor:
        MeteringPolicy.objects.update(free_user_limit=None)
        cursor.execute(PROOF_TABLE)
        organizations = [
            Organization.objects.create(name=f"Organization {cap}", user_cap=cap)
            for cap in FIRST_CAPS[: run.organizations]
        ]
        for organization in organizations:
            cursor.execute(
                "INSERT INTO proof_cap (organization_id, user_cap, after_event_id)"
                " VALUES (%s, %s, 0)",
                [organization.pk, organization.user_cap],
            )
    return Stage(provider, owner, [organization.pk for organization in organizations])


def _race_clients(run: Run, stage, tallies) -> None:
    from django.urls import get_resolver

    from tests.proofs.cap_clients import Tally, start

    # Imported once here instead of by each client that sends a form.
    assert get_resolver().url_patterns
    dice = random.Random(run.seed)
    seeds = iter(lambda: dice.randrange(2**32), None)
    running = {
        slot: start(slot, stage=stage, tally=tally, seed=next(seeds))
        for slot, tally in enumerate(tallies)
    }
    deadline = time.monotonic() + run.seconds
    try:
        while time.monotonic() < deadline:
            time.sleep(0.02 + dice.random() * 0.1)
            slot = dice.choice(sorted(running))
            _kill(running[slot])
            run.killed += 1
            run.uncertain += tallies[slot][Tally.IN_FLIGHT]
            running[slot] = start(slot, stage=stage, tally=tallies[slot], seed=next(seeds))
            tries = sum(tally[Tally.TRIES] for tally in tallies)
            if run.tries and tries >= run.tries and run.killed >= KILLS_AT_LEAST:
                break
    finally:
        for slot, pid in running.items():
            _kill(pid)
            run.uncertain += tallies[slot][Tally.IN_FLIGHT]


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _find_violations(run: Run, stage, tallies) -> tuple[int, int]:
    from core.schema import provider_schema
    from tests.proofs.cap_clients import Tally
    from usage.ledger.verify import verify_ledger
    from usage.models import UsageEvent

    _wait_for_killed_clients()
    with provider_schema(stage.provider), connection.cursor() as cursor:
        cursor.execute(OVER_CAP)
        if over := cursor.fetchone()[0]:
            run.violations.append(f"{over} events above the cap")
        run.violations += [str(difference) for difference in verify_ledger()]
        added = UsageEvent.objects.filter(delta=1).count()
        cursor.execute("SELECT count(*) FROM proof_cap")
        cap_changes = cursor.fetchone()[0] - len(stage.organization_ids)
        events = UsageEvent.objects.count()
    accepted = sum(tally[Tally.ACCEPTED] for tally in tallies)
    if not accepted <= added <= accepted + run.uncertain:
        run.violations.append(
            f"{added} users were added, {accepted} confirmed, {run.uncertain} in flight"
        )
    for name, number in (
        ("unexpected responses", Tally.UNEXPECTED),
        ("deadlocks", Tally.DEADLOCKS),
    ):
        if count := sum(tally[number] for tally in tallies):
            run.violations.append(f"{count} {name}")
    return events, cap_changes


def _wait_for_killed_clients() -> None:
    """Wait until PostgreSQL has ended the sessions of killed clients."""
    for _ in range(200):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND state <> 'idle'"
                " AND backend_type = 'client backend'"
            )
            if not cursor.fetchone()[0]:
                return
        time.sleep(0.05)


def main() -> int:
    """Run the race with the arguments of the command line; returns 1 if there are violations."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=float, default=30, help="how long to race (30)")
    parser.add_argument("--tries", type=int, default=0, help="stop earlier, after so many")
    parser.add_argument("--clients", type=int, default=64, help="racing processes (64)")
    parser.add_argument("--organizations", type=int, choices=(1, 2, 3), default=3)
    parser.add_argument("--seed", type=int, default=None, help="of the random numbers (random)")
    arguments = parser.parse_args()
    seed = secrets.randbelow(2**32) if arguments.seed is None else arguments.seed
    run = Run(
        seconds=arguments.seconds,
        clients=arguments.clients,
        tries=arguments.tries,
        seed=seed,
        organizations=arguments.organizations,
    )
    with own_portal():
        result = race(run)
    for violation in run.violations:
        sys.stderr.write(f"violation: {violation}\n")
    sys.stdout.write(json.dumps(result) + "\n")
    return 1 if run.violations else 0


if __name__ == "__main__":
    raise SystemExit(main())
