"""Killing the process that moves a provider, at each of its steps; then the same move again.

A lock of ours, which the process has to wait for, stops it at a step; then it is killed with
SIGKILL. What PostgreSQL still does for it, it does: a statement that waits for our lock ends when
we let go, except where `ends` says that its session is ended first. Clients work meanwhile.
"""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import psycopg
from django.db import DatabaseError, connections
from django.utils import timezone

from accounts.models import Provider
from accounts.provisioning.moves import INTERRUPTED, watch_moves
from accounts.provisioning.server_links import address_of
from core.operations.models import OperationsAlert
from core.outbox.models import OutboxMessage, OutboxPause
from core.schema import connection
from core.servers import DIRECTORY, on_server, servers
from mtp.moving.move import move
from tests.proofs.run import Run
from tests.proofs.servers_clients import Place, fork

MOVER = "mover"
LONGEST = 30.0
# For a step to be reached, on a machine that does other work as well.
LONGEST_WAY = 120.0
# Before the same move again.
LEFT_SECONDS = 1.0
# Of all sessions that wait for ours, also behind others, those of the process that moves.
_WAITING = """
    WITH RECURSIVE behind (pid) AS (
        SELECT %(ours)s::int
        UNION
        SELECT a.pid FROM pg_stat_activity a JOIN behind b ON b.pid = ANY (pg_blocking_pids(a.pid))
    )
    SELECT pid FROM behind JOIN pg_stat_activity USING (pid) WHERE application_name = %(mover)s
"""
_LEFT = """
    SELECT 'slot ' || slot_name FROM pg_replication_slots WHERE slot_name LIKE 'mtp\\_move%%'
    UNION ALL SELECT 'publication ' || pubname FROM pg_publication WHERE pubname LIKE 'mtp\\_move%%'
    UNION ALL SELECT 'subscription ' || subname FROM pg_subscription
        WHERE subname LIKE 'mtp\\_move%%'
    UNION ALL SELECT 'function ' || proname FROM pg_proc
        WHERE pronamespace = to_regnamespace(%(schema)s) AND proname = 'refuse_after_move'
    UNION ALL SELECT 'comment ' || description FROM pg_description
        WHERE objoid = to_regnamespace(%(schema)s)::oid AND classoid = 'pg_namespace'::regclass
"""


@dataclass(frozen=True)
class Step:
    """A step of a move: what stops the process there, on the server that it leaves or enters.

    With `once_moving`, our lock is taken while the provider stands still. With `ends`, PostgreSQL
    forgets the statement that waits.
    """

    name: str
    lock: str
    at: str = "from"
    once_moving: bool = False
    ends: bool = False


_ROW = "SELECT FROM public.accounts_provider WHERE id = {id} FOR NO KEY UPDATE"
_OUTBOX = "LOCK TABLE public.outbox_outboxmessage IN SHARE MODE"
_NOTES = "LOCK TABLE {schema}.proof_note IN"
STANDS_STILL = f"{_NOTES} ROW EXCLUSIVE MODE"
STEPS = (
    Step("stands still, its tables not refusing", STANDS_STILL),
    Step("the statement of the directory is lost", _ROW, "directory", once_moving=True, ends=True),
    Step("the statement of the directory outlives it", _ROW, "directory", once_moving=True),
    Step("the tables are published", f"{_NOTES} SHARE UPDATE EXCLUSIVE MODE"),
    Step("the slot is made", "INSERT INTO {schema}.proof_note VALUES ('never', 1)"),
    Step("the schema is made", "CREATE SCHEMA {schema}", "to"),
    Step("is paused", _ROW, "directory"),
    Step("the rows beside are copied", _OUTBOX, "to", once_moving=True),
    Step("what it left is cleared", _OUTBOX, once_moving=True),
)


def kill_at_steps(run: Run, place: Place, *, steps: int, grace: float) -> None:
    """Kill a move at each of the first `steps` steps, between the first two servers."""
    for step in STEPS[:steps]:
        to = _next(place)
        if _killed(place, to, step):
            run.counts["kills"] += 1
        else:
            run.violations.append(f"a move was not stopped where {step.name}")
        _repeat(run, place, to, step.name, grace=grace)


def kill_at_random(run: Run, place: Place, *, kills: int, grace: float) -> None:
    """Kill moves after random times."""
    for _ in range(kills):
        to, seconds = _next(place), run.dice.uniform(0.0, 3.0)
        pid = _start(place, to)
        time.sleep(seconds)
        _kill(pid)
        run.counts["kills"] += 1
        _repeat(run, place, to, f"after {seconds:.2f} s", grace=grace)


def _next(place: Place) -> int:
    others = [n for n in servers()[:2] if n != place.current().server]
    return others[0]


def _start(place: Place, to: int) -> int:
    return fork(partial(_move, place.current(), to))


def _move(provider: Provider, to: int) -> None:
    # libpq's name of every session, those of PostgreSQL's tools too.
    os.environ["PGAPPNAME"] = MOVER
    move(provider=provider, to=to, grace=LONGEST)


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


class _Hold:
    """A lock of ours on a server, which the process that moves will wait for."""

    def __init__(self, server: int, statement: str) -> None:
        self._ours = psycopg.connect(address_of(server))
        self._watch = psycopg.connect(address_of(server), autocommit=True)
        self._ours.execute(statement)

    def waiting(self) -> list[int]:
        """Its sessions that wait for the lock."""
        ours = self._ours.info.backend_pid
        found = self._watch.execute(_WAITING, {"ours": ours, "mover": MOVER})
        return [pid for (pid,) in found.fetchall()]

    def end_waiting(self) -> None:
        """PostgreSQL ends these sessions."""
        for pid in self.waiting():
            self._watch.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    def let_go(self) -> None:
        """Nothing waits any more."""
        self._ours.close()
        self._watch.close()


def _killed(place: Place, to: int, step: Step) -> bool:
    """Move until the step and kill; returns whether the step was reached. Our lock is gone then."""
    provider = place.current()
    names = {"schema": provider.schema_name, "id": provider.pk}
    server = {"from": provider.server, "to": to, "directory": DIRECTORY}[step.at]
    statement = step.lock.format(**names)
    if step.once_moving:
        before = _Hold(provider.server, STANDS_STILL.format(**names))
        pid = _start(place, to)
        if not _until(lambda: bool(before.waiting())):
            _kill(pid)
            before.let_go()
            return False
        hold = _Hold(server, statement)
        before.let_go()
    else:
        hold = _Hold(server, statement)
        pid = _start(place, to)
    is_reached = _until(lambda: bool(hold.waiting()))
    _kill(pid)
    if step.ends:
        hold.end_waiting()
    hold.let_go()
    # The workers of all servers look at what it left.
    time.sleep(LEFT_SECONDS)
    return is_reached


def _until(is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + LONGEST_WAY
    while time.monotonic() < deadline:
        if is_so():
            return True
        time.sleep(0.005)
    return False


def _repeat(run: Run, place: Place, to: int, name: str, *, grace: float) -> None:
    """The same command again, as often as it says so; then nothing of the move is left."""
    _watch(run, place, name)
    _undelivered_elsewhere(run, place, name)
    tries = 0
    while True:
        tries += 1
        try:
            move(provider=place.current(), to=to, grace=grace)
            break
        except Exception as error:  # noqa: BLE001 - the last one is a violation
            with suppress(DatabaseError):
                connections.close_all()
            if tries == 3:
                run.violations.append(f"killed where {name}: {error}")
                return
    run.counts["moves"] += 1
    run.counts["repeated"] = max(run.counts["repeated"], tries)
    provider = place.current()
    found = [] if (provider.server, provider.state) == (to, "active") else ["not moved"]
    for server in servers():
        with on_server(server, whole=True), connection.cursor() as cursor:
            cursor.execute(_LEFT, {"schema": provider.schema_name})
            found += [f"{left} on server {server}" for (left,) in cursor.fetchall()]
            if OutboxPause.objects.filter(schema_name=provider.schema_name).exists():
                found.append(f"a pause on server {server}")
            cursor.execute("SELECT to_regnamespace(%s) IS NOT NULL", [provider.schema_name])
            if cursor.fetchone()[0] != (server == to):
                found.append(f"the schema is wrong on server {server}")
    run.violations += [f"killed where {name}: {text}" for text in found]
    _watch(run, place, name)


def _undelivered_elsewhere(run: Run, place: Place, name: str) -> None:
    """No worker delivered into a copy what still waits where the provider is."""
    provider = place.current()
    messages = OutboxMessage.objects.filter(schema_name=provider.schema_name)
    with on_server(provider.server):
        waiting = list(messages.filter(finished_at=None).values_list("pk", flat=True))
    for server in servers():
        with on_server(server):
            done = messages.filter(pk__in=waiting).exclude(finished_at=None).count()
        if server != provider.server and done:
            run.violations.append(f"killed where {name}: {done} messages went into a copy")


def _watch(run: Run, place: Place, name: str) -> None:
    """A provider that stands still without a process that moves it is an alert, which settles."""

    def is_right() -> bool:
        # PostgreSQL notices in a moment that the process is gone.
        watch_moves(now=timezone.now())
        provider = place.current()
        open_alerts = OperationsAlert.objects.open().filter(kind=INTERRUPTED)
        alert = open_alerts.filter(schema_name=provider.schema_name)
        return bool(alert.exists()) == provider.is_moving

    if not _until(is_right):
        run.violations.append(f"killed where {name}: the alert is wrong")
