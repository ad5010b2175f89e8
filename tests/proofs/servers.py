"""Proof that providers on several PostgreSQL servers are one portal: `make prove-servers`.

Three servers; providers on each. The small forms of three other proofs run on providers of
different servers. Clients add users to a provider while it moves around all servers, and to others
that must notice nothing; then the process that moves is killed at each of its steps, and the move
repeated. A provider with closed months moves between two closes. Then one server is killed.
Violations are: a confirmed user, its event or its message that is missing, a count or an order of
events that is wrong, a row of another provider, an answer that is neither a success nor 503, an
error of a provider whose server works, and a wrong word of the doctor. The last line is one JSON
object.
"""

import argparse
import importlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from tests.proofs.run import Run, separate_stripe
from tests.proofs.servers_stage import ROOT, Portal, portal_of_servers

CLIENTS = 2
# Requests that read the old copy are over by then, on a busy machine too.
GRACE = 3.0
# Of each of the other proofs, on the server of its number.
SMALL = {
    2: ("cap", "--seconds", "5", "--tries", "150"),
    3: ("counting", "--sequences", "200"),
    1: ("cap", "--seconds", "5", "--tries", "150", "--organizations", "1"),
}


def prove(
    run: Run, portal: Portal, *, moves: int, seconds: float, steps: int, kills: int
) -> dict[str, Any]:
    """Move a provider so often under load of `seconds` each, kill moves, and kill a server."""
    from django.db import connections

    from tests.proofs import servers_clients as clients
    from tests.proofs.servers_doctor import ask_doctor
    from tests.proofs.servers_kills import kill_at_random, kill_at_steps

    ask_doctor(run)
    last = max(portal.servers)
    places = [
        clients.open_place(f"Canary{n}x{run.seed % 997}", f"PL{n}{run.seed % 997}", server=n)
        for n in portal.servers
    ]
    with tempfile.TemporaryDirectory() as directory:
        reports = Path(directory)
        adders = [
            partial(_add, place, reports / f"{number}-{client}", run.seed + client)
            for number, place in enumerate(places)
            for client in range(CLIENTS)
        ]
        with clients.running(*adders, clients.deliver):
            time.sleep(seconds)
            _move_around(run, places[1], portal, moves=moves, seconds=seconds)
            for place in places[:1] + places[2:]:
                run.violations += [
                    f"{place.canary} was refused while another one moved: {line}"
                    for line in _lines(reports, places.index(place), "away")
                ]
            kill_at_steps(run, places[1], steps=steps, grace=GRACE)
            kill_at_random(run, places[1], kills=kills, grace=GRACE)
            _kill_one(run, portal, last, places, reports)
        # A session that the killed server had is of no use any more.
        connections.close_all()
        for number, place in enumerate(places):
            _check(run, place, reports, number)
    return _result(run)


def _add(place: Any, report: Path, seed: int) -> None:
    from tests.proofs.servers_clients import Adder

    Adder(place, report, seed).run()


def _move_around(run: Run, place: Any, portal: Portal, *, moves: int, seconds: float) -> None:
    from mtp.moving.move import move

    numbers = sorted(portal.servers)
    for _ in range(moves):
        provider = place.current()
        to = numbers[(numbers.index(provider.server) + 1) % len(numbers)]
        report = move(provider=provider, to=to, grace=GRACE)
        run.counts["moves"] += 1
        still = round(report.still_seconds * 1000)
        run.counts["longest_still_ms"] = max(run.counts["longest_still_ms"], still)
        time.sleep(seconds / 2)


def _kill_one(run: Run, portal: Portal, number: int, places: Any, reports: Path) -> None:
    """Kill a server under load: its providers get 503, the others nothing; then it comes back."""
    from django.utils import timezone

    from core.operations.models import OperationsAlert
    from core.operations.server_watch import AWAY, watch_servers
    from tests.proofs.servers_doctor import away

    before = {n: len(_lines(reports, n, "away")) for n in range(len(places))}
    added = {n: len(_lines(reports, n, "added")) for n in range(len(places))}
    portal.servers[number].kill()
    time.sleep(4)
    watch_servers(now=timezone.now())
    if not OperationsAlert.objects.open().filter(kind=AWAY, key=f"server{number}").exists():
        run.violations.append("no alert about the server that was killed")
    away(run, number)
    for n, place in enumerate(places):
        refused = len(_lines(reports, n, "away")) - before[n]
        if place.current().server == number:
            run.counts["refused_while_away"] += refused
            if not refused:
                run.violations.append(f"{place.canary} was not refused without its server")
        elif refused or len(_lines(reports, n, "added")) == added[n]:
            run.violations.append(f"{place.canary} was stopped by another server: {refused}")
    portal.servers[number].start()
    # Longer than a process tries no connection to a server that was away.
    time.sleep(6)
    watch_servers(now=timezone.now())
    if OperationsAlert.objects.open().filter(kind=AWAY).exists():
        run.violations.append("the alert stays open once the server is back")


def _lines(reports: Path, number: int, outcome: str) -> list[str]:
    lines = [
        line
        for report in reports.glob(f"{number}-*")
        for line in report.read_text().splitlines()
        if line.startswith(outcome)
    ]
    return [line.rpartition(" ")[2] for line in lines]


def _check(run: Run, place: Any, reports: Path, number: int) -> None:
    """Compare what clients know with users, events, counters, messages and their order."""
    from django.db import connection

    from core.outbox.models import OutboxMessage
    from core.schema import provider_schema
    from tests.proofs.servers_clients import TOPIC
    from usage.ledger.verify import verify_ledger
    from usage.models import UsageEvent

    _deliver_rest(place)
    tried, added = set(_lines(reports, number, "try")), set(_lines(reports, number, "added"))
    run.violations += [f"{place.canary}: {line}" for line in _errors(reports, number)]
    run.counts["foreign"] += len(_lines(reports, number, "foreign"))
    run.counts["added"] += len(added)
    run.counts["refused_503"] += len(_lines(reports, number, "away"))
    with provider_schema(place.current()), connection.cursor() as cursor:
        cursor.execute("SELECT email FROM tenants_manageduser")
        users = {email for (email,) in cursor.fetchall()}
        cursor.execute("SELECT email, times FROM proof_note")
        noted = dict(cursor.fetchall())
        messages = set(
            OutboxMessage.objects.filter(topic=TOPIC, schema_name=place.provider.schema_name)
            .exclude(finished_at=None)
            .values_list("key", flat=True)
        )
        events = list(
            UsageEvent.objects.filter(metric="users")
            .order_by("id")
            .values_list("organization_id", "delta", "count_after", "at")
        )
        wrong = [str(difference) for difference in verify_ledger()]
        cursor.execute(
            "SELECT count(*) FROM tenants_organization WHERE name NOT LIKE %s", [f"{place.canary}%"]
        )
        run.counts["foreign"] += cursor.fetchone()[0]
    _lose(run, place, "the user", added - users)
    _lose(run, place, "the note of a finished message", messages - noted.keys())
    _lose(run, place, "the finished message of a note", noted.keys() - messages)
    if invented := users - tried:
        run.violations.append(f"{place.canary} has {len(invented)} users that no client added")
    wrong += _wrong_order(events, users=len(users))
    run.counts["wrong_counts"] += len(wrong)
    run.violations += [f"{place.canary}: {text}" for text in wrong]
    called = _called(reports, number)
    run.counts["lost"] += len(called - noted.keys())
    run.violations += [f"{place.canary}: no message of {email}" for email in called - noted.keys()]


def _lose(run: Run, place: Any, what: str, emails: set[str]) -> None:
    run.counts["lost"] += len(emails)
    run.violations += [f"{place.canary} lost {what} {email}" for email in sorted(emails)]


def _deliver_rest(place: Any) -> None:
    """Deliver what is left, also what a killed worker holds."""
    from django.utils import timezone

    from core.outbox.delivery import deliver_due
    from core.outbox.models import OutboxMessage
    from core.servers import on_server, servers

    for server in servers():
        with on_server(server):
            OutboxMessage.objects.filter(finished_at=None).update(leased_until=None)
            while deliver_due(
                now=timezone.now() + timedelta(hours=2), schema=place.provider.schema_name
            ):
                pass


def _errors(reports: Path, number: int) -> list[str]:
    return sorted(
        {
            line.rpartition(" ")[0]
            for report in reports.glob(f"{number}-*")
            for line in report.read_text().splitlines()
            if line.startswith("error")
        }
    )


def _called(reports: Path, number: int) -> set[str]:
    """The users that a client added with a message."""
    return {
        line.split(" ")[2]
        for report in reports.glob(f"{number}-*")
        for line in report.read_text().splitlines()
        if line.startswith("added by_call ")
    }


def _wrong_order(events: list[Any], *, users: int) -> list[str]:
    """Events by id must count up one by one, in the order of their instants."""
    wrong = [] if len(events) == users else [f"{len(events)} events of {users} users"]
    counts: Counter[int] = Counter()
    latest: dict[int, Any] = {}
    for organization_id, delta, count_after, at in events:
        counts[organization_id] += delta
        if counts[organization_id] != count_after:
            wrong.append(f"event {count_after} of organization {organization_id} is out of order")
            counts[organization_id] = count_after
        if organization_id in latest and at < latest[organization_id]:
            wrong.append(f"an event of organization {organization_id} is earlier than one before")
        latest[organization_id] = at
    return wrong


def prove_closes(run: Run) -> None:
    """Close and charge a month on each server: the provider moves between two closes."""
    from billing.verification.verify import closed_months, verify_month
    from core.months import Month
    from core.servers import servers
    from mtp.moving.move import move
    from tests.proofs.charge import FIRST_MONTH
    from tests.proofs.close_stage import create_stage
    from tests.proofs.close_worker import Task, close_and_deliver, fork

    with separate_stripe(run) as stripe:
        month = Month(*FIRST_MONTH)
        stage = create_stage(stripe, is_committed=False, first=month)
        for to in servers()[1:] + servers()[:1]:
            stage.provider.refresh_from_db()
            stage.add_user(month)
            now = month.ends_at(stage.zone) + timedelta(hours=1)
            task = Task(provider=stage.provider, month=month, now=now)
            _, status = os.waitpid(fork(partial(close_and_deliver, task)), 0)
            if status:
                run.violations.append(f"closing {month} ended with status {status}")
            move(provider=stage.provider, to=to, grace=0)
            run.counts["moves"] += 1
            wrong = list(stage.errors(month, run.counts))
            for closed in closed_months(provider=stage.provider):
                verification = verify_month(provider=stage.provider, month=closed, renders=False)
                wrong += [str(difference) for difference in verification.differences]
                run.counts["months_verified"] += 1
            run.counts["wrong_counts"] += len(wrong)
            run.violations += [f"{month}: {text}" for text in wrong]
            month = month.next


def prove_small(run: Run) -> None:
    """The small forms of other proofs, whose providers are made on different servers."""
    commands = [*SMALL.items(), (2, ("charge", "--tries", "4"))]
    for server, (name, *arguments) in commands:
        ran = subprocess.run(
            [sys.executable, "-m", "tests.proofs.servers", "--only", name, *arguments],
            cwd=ROOT,
            env={**os.environ, "NEW_PROVIDERS_SERVER": str(server)},
            capture_output=True,
            text=True,
            check=False,
        )
        with suppress(IndexError, json.JSONDecodeError):
            sys.stderr.write(f"{name} on server {server}: {ran.stdout.splitlines()[-1]}\n")
        run.counts["small_proofs"] += ran.returncode == 0
        if ran.returncode:
            run.violations.append(f"{name} on server {server}: {ran.stderr[-1500:]}")
            run.counts["wrong_counts"] += 1


def only(name: str, arguments: list[str]) -> int:
    """Another proof, in the databases of this environment, with providers where it says."""
    import django

    django.setup()
    from django.test.utils import setup_test_environment

    sys.argv = [name, *arguments]
    proof = importlib.import_module(f"tests.proofs.{name}")
    if name != "charge":
        return int(proof.main())
    setup_test_environment()
    run = Run(tries=int(arguments[1]), seed=secrets.randbelow(2**32))
    sys.stdout.write(json.dumps(proof.prove(run)) + "\n")
    sys.stderr.write("\n".join(run.violations))
    return 1 if run.violations else 0


def _result(run: Run) -> dict[str, Any]:
    names = ("lost", "wrong_counts", "foreign", "moves", "kills", "repeated", "longest_still_ms")
    more = ("added", "refused_503", "refused_while_away", "months_verified", "small_proofs")
    return run.result(*names, *more)


def main() -> int:
    """Run the proof with the arguments of the command line; returns 1 if there are violations."""
    if sys.argv[1:2] == ["--only"]:
        return only(sys.argv[2], sys.argv[3:])
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--servers", type=int, default=3, choices=(2, 3), help="how many (3)")
    parser.add_argument("--moves", type=int, default=6, help="of a provider under load (6)")
    parser.add_argument("--seconds", type=float, default=4, help="of load around each move (4)")
    parser.add_argument("--steps", type=int, default=99, help="of a move to be killed at (all)")
    parser.add_argument("--kills", type=int, default=12, help="of moves at random times (12)")
    parser.add_argument("--short", action="store_true", help="no other proofs and no closes")
    parser.add_argument("--seed", type=int, default=None, help="of the random numbers (random)")
    arguments = parser.parse_args()
    seed = secrets.randbelow(2**32) if arguments.seed is None else arguments.seed
    run = Run(tries=arguments.moves, seed=seed)
    importlib.import_module("tests.environment")
    with portal_of_servers(arguments.servers) as portal:
        import django

        django.setup()
        from django.db import connections
        from django.test.utils import setup_test_environment

        setup_test_environment()
        try:
            if not arguments.short:
                prove_small(run)
                prove_closes(run)
            result = prove(
                run,
                portal,
                moves=arguments.moves,
                seconds=arguments.seconds,
                steps=arguments.steps,
                kills=arguments.kills,
            )
        finally:
            connections.close_all()
    for violation in run.violations[:40]:
        sys.stderr.write(f"violation: {violation}\n")
    sys.stdout.write(json.dumps(result) + os.linesep)
    return 1 if run.violations else 0


if __name__ == "__main__":
    raise SystemExit(main())
