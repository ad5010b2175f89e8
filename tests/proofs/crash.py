"""Proof that the portal survives its services: `make prove-crash`, `python -m tests.proofs.crash`.

It starts PostgreSQL, Valkey, the web server, all workers, the beat, the Stripe stand-in and a mail
server, and while clients add users, read pages and invite people:

kills   PostgreSQL (all of it, or one of its processes) and Valkey (sometimes frozen for a while
        before) are killed and started again
close   PostgreSQL is killed and restarted while a worker closes a month
away    the mail server and Stripe are away for an hour, of which a minute is a second here
disk    the disk of PostgreSQL is full, once for its tables and once for its log; as root
clock   the clock of the web server and the workers jumps
hosts   two web servers and two workers run in network namespaces; one of each is killed; as root

Then every acknowledged addition must be counted once, everything answered with "Nothing was
changed" not at all, every message delivered, every invoice charged once; no client may see anything
but the answer or 503 with Retry-After; no process of the portal may have been restarted. The last
line is one JSON object.
"""

import argparse
import json
import os
import random
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from tests.proofs.run import Run

CLIENTS = 8
KILLS = 200
SMALL_KILLS = 1
# Seconds after the start of a service in which a change must be acknowledged again.
RECOVERED_SECONDS = 15.0
AWAY_MINUTES = 60
NAMES = (
    *("kills_postgres", "kills_valkey", "requests", "unavailable", "acknowledged", "lost"),
    *("twice", "refused_and_done", "unknown", "unknown_and_done", "invitations", "mails"),
    *("mails_repeated", "lost_messages", "closes_interrupted", "invoices", "charges"),
    *(
        "charged_twice",
        "disk_full_errors",
        "clock_jumps",
        "hosts_killed",
        "moved",
        "seconds_to_drain",
    ),
)


class Proof:
    """One run: the portal, its providers, and the parts."""

    def __init__(self, run: Run, portal: Any) -> None:
        from tests.proofs.crash_checks import create_busy_provider

        self.run = run
        self.portal = portal
        self.busy = create_busy_provider()
        self.stages: list[Any] = []
        self.skipped: dict[str, str] = {}
        self.recoveries: list[float] = []
        self.slowest = 0.0
        self.codes: dict[str, int] = {}

    def loaded(self, work: Callable[[], list[float] | None], *, pause: float = 0.1) -> None:
        """Do the work under the load of the clients; it returns when services were back."""
        from django.db import connections

        seed = self.run.dice.randrange(2**31)
        plan = self.busy.plan(self.portal, seed=seed, clients=CLIENTS, pause=pause)
        with self.portal.load(plan) as seen:
            back = work() or []
            time.sleep(1)
        # The proof's own connection was lost too.
        connections.close_all()
        self.busy.seen.append(seen)
        self.run.counts["requests"] += seen.requests
        self.run.counts["unavailable"] += seen.unavailable
        self.run.counts["moved"] += seen.moved
        self.slowest = max(self.slowest, seen.slowest)
        for code, count in seen.codes.items():
            self.codes[code] = self.codes.get(code, 0) + count
        acknowledged = sorted(at for at, _ in seen.acknowledged)
        for at in back:
            after = next((instant for instant in acknowledged if instant > at), None)
            if after is None or after - at > RECOVERED_SECONDS:
                self.run.violations.append(f"not back {RECOVERED_SECONDS:.0f} s after a start")
            else:
                self.recoveries.append(after - at)

    def kills(self) -> None:
        """Kill both services `tries` times each, in random order."""
        from tests.proofs.crash_stage import CACHE, DATABASE

        services = [DATABASE, CACHE] * self.run.tries
        self.run.dice.shuffle(services)
        self.loaded(lambda: [at for name in services for at in self._kill(name)])

    def _kill(self, name: str) -> list[float]:
        """One kill; the instant from which changes must be possible again."""
        from tests.proofs.crash_stage import CACHE, DATABASE

        dice, portal = self.run.dice, self.portal
        time.sleep(dice.uniform(0.3, 1.8))
        self.run.counts[f"kills_{name}"] += 1
        if name == DATABASE and self.run.tries > SMALL_KILLS and dice.random() < 0.25:
            portal.kill_backend(dice)
            return []
        if name == CACHE and dice.random() < 0.2:
            portal.freeze(name, seconds=dice.uniform(0.5, 3))
        portal.kill(name)
        time.sleep(dice.uniform(0, 1.0) if dice.random() < 0.95 else dice.uniform(4, 10))
        back = portal.restart(name)
        # Another kill may follow before anyone got an answer.
        return [back] if name == DATABASE and self._is_last_for_a_while(dice) else []

    def _is_last_for_a_while(self, dice: random.Random) -> bool:
        """Whether to let the portal work on; one kill in ten is followed by a pause."""
        pauses = self.run.tries <= SMALL_KILLS or dice.random() < 0.1
        if pauses:
            time.sleep(2)
        return pauses

    def close(self) -> None:
        """Kill or restart PostgreSQL in the middle of closes, then close all months."""
        from tests.proofs.crash_checks import create_closing, interrupt_close

        closing = create_closing(self.portal)
        self.stages += closing

        def work() -> None:
            for number in (signal.SIGKILL, signal.SIGINT, signal.SIGKILL, signal.SIGINT):
                # The first in the round; the worker may go on with the second one after it.
                interrupt_close(self.run, self.portal, closing[0], number=number)
            self._close_all()

        self.loaded(work)

    def _close_all(self) -> None:
        from tests.proofs.crash_checks import close_months, left_to_close

        close_months()
        until = time.monotonic() + 60
        while left_to_close(self.stages):
            if time.monotonic() > until:
                self.run.violations.append("months are not closed")
                return
            time.sleep(0.5)

    def away(self) -> None:
        """Stop the mail server and Stripe for an hour; months are closed meanwhile."""
        from tests.proofs.crash_checks import create_closing
        from tests.proofs.crash_stage import MAIL, STRIPE

        self.stages += create_closing(self.portal)

        def work() -> None:
            for name in (MAIL, STRIPE):
                self.portal.kill(name)
            self._close_all()
            for _ in range(AWAY_MINUTES):
                time.sleep(1)
                self.portal.hasten()
            for name in (STRIPE, MAIL):
                self.portal.restart(name)

        self.loaded(work)

    def disk(self) -> None:
        """Fill the disk of PostgreSQL."""
        from tests.proofs.crash_faults import full_disk

        if reason := full_disk(self):
            self.skipped["disk"] = reason

    def clock(self) -> None:
        """Let the clocks of the portal's processes jump."""
        from tests.proofs.crash_faults import clock_jumps

        clock_jumps(self)

    def hosts(self) -> None:
        """Run the portal on four machines, and kill two."""
        from tests.proofs.crash_hosts import many_hosts

        if reason := many_hosts(self):
            self.skipped["hosts"] = reason

    def check_processes(self) -> None:
        """No process of the portal has ended since it was started."""
        for name, pid in self.portal.product_pids().items():
            if pid != self.portal.started[name]:
                self.run.violations.append(f"{name} has ended")

    def finish(self) -> dict[str, Any]:
        """Wait until everything is delivered, compare, and return the result."""
        from tests.proofs.crash_checks import compare, drain

        drain(self.run, self.portal)
        compare(self.run, self.portal, self.busy, self.stages)
        time.sleep(6)
        stuck = {queue: count for queue, count in self.portal.queued().items() if count > 3}
        if stuck:
            self.run.violations.append(f"no worker takes tasks of {stuck}")
        return {
            **self.run.result(*NAMES),
            "codes": self.codes,
            "slowest_request_seconds": round(self.slowest, 1),
            "slowest_recovery_seconds": round(max(self.recoveries, default=0.0), 2),
            "skipped": self.skipped,
        }


def prove(run: Run, *, parts: list[str], whole: bool) -> dict[str, Any]:
    """Start everything, do the parts, and return the result."""
    from mtp.supervisor.process_group import ProcessGroup
    from mtp.supervisor.state import State, base_directory
    from tests.own_database import set_up
    from tests.proofs.crash_stage import Portal

    state = State(base=base_directory(), name=f"crash-{os.getpid()}")
    try:
        with ProcessGroup(state) as group:
            portal = Portal(group, whole=whole)
            names = ("DATABASE_URL", "REDIS_URL", "STRIPE_API_KEY", "STRIPE_API_BASE")
            os.environ |= {name: portal.environment[name] for name in names}
            set_up()
            proof = Proof(run, portal)
            portal.start_product()
            for part in parts:
                sys.stderr.write(f"{time.monotonic() - run.began:7.1f} s  {part}\n")
                getattr(proof, part)()
                proof.check_processes()
            return proof.finish()
    finally:
        shutil.rmtree(state.directory)


def main() -> int:
    """Run the proof with the arguments of the command line; 1 if there are violations."""
    from mtp.supervisor.process_group import raise_on_stop_signals

    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--kills", type=int, default=KILLS, help=f"of each service ({KILLS})")
    parser.add_argument("--seed", type=int, default=None, help="of the random numbers (random)")
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument(
        "--one-worker",
        action="store_true",
        help="in place of all pools, without Stripe; for the part kills",
    )
    arguments = parser.parse_args()
    seed = secrets.randbelow(2**31) if arguments.seed is None else arguments.seed
    raise_on_stop_signals()
    run = Run(tries=arguments.kills, seed=seed)
    result = prove(run, parts=arguments.parts, whole=not arguments.one_worker)
    for violation in run.violations:
        sys.stderr.write(f"violation: {violation}\n")
    sys.stdout.write(json.dumps(result) + os.linesep)
    return 1 if run.violations else 0


PARTS = ("kills", "close", "away", "disk", "clock", "hosts")

if __name__ == "__main__":
    raise SystemExit(main())
