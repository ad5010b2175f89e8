"""Proof that a release stops nothing: `make prove-release`, or `python -m tests.proofs.release`.

Two web servers and a worker of this release serve many providers while clients open pages and add
users by the API, behind a proxy that does what the shipped one does. The next release, a copy with
an expand step for each app and a contract step, is brought in by the steps of docs/install.md:
migrate, replace one web server after the other, the worker, contract. Violations are a request that
failed, an addition that is not there once, and a mail that was not delivered once. The next release
must refuse to start before, the former one after the contract steps. The last line is one JSON
object.
"""

import argparse
import json
import logging
import os
import re
import secrets
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BEHIND, CONTRACTED = "lacks", "taken away"
DELIVERY_SECONDS = 120


@dataclass
class Run:
    """One run: its size and its violations."""

    providers: int
    clients: int
    seconds: float
    pause: float
    seed: int
    violations: list[str] = field(default_factory=list)


def prove(run: Run) -> dict[str, Any]:
    """Run the proof; returns the JSON object of the last line."""
    from tests.proofs.release_clients import Load, Proxy
    from tests.proofs.release_stage import (
        ROOT,
        Site,
        copy_as_next_release,
        create_customers,
        free_ports,
    )
    from tests.providers import close_provider

    began = time.monotonic()
    customers: list[Any] = []
    with tempfile.TemporaryDirectory(prefix="mtp-release-") as directory:
        paths = [Path(directory) / name for name in ("next", "logs", "mails")]
        for path in paths:
            path.mkdir()
        site = Site(logs=paths[1], mails=paths[2], ports=free_ports())
        try:
            customers += create_customers(run.providers)
            following = copy_as_next_release(paths[0])
            load = Load(
                *(Proxy(site.ports), customers, run.clients),
                mails_per_second=max(1.0, run.clients / 8),
                pause=run.pause,
                seed=run.seed,
            )
            _roll(run, site, load, ROOT, following)
            _find_violations(run, site, load)
        finally:
            site.stop_all()
            for customer in customers:
                close_provider(customer.provider)
    return {
        "failed": len(load.failures),
        "lost": load.counts["lost"],
        "twice": load.counts["twice"],
        "violations": len(run.violations),
        "providers": run.providers,
        "clients": run.clients,
        "requests": load.counts["requests"],
        "added": len(load.added),
        "messages": len(load.mails),
        **load.proxy.counts,
        **{name: load.counts[name] for name in ("migration_seconds", "contract_seconds")},
        "seed": run.seed,
        "cpu_seconds_of_processes": round(sum(os.times()[2:4])),
        "seconds": round(time.monotonic() - began, 1),
    }


def _roll(run: Run, site: Any, load: Any, former: Path, following: Path) -> None:
    """Bring in the next release under load, as docs/install.md says."""
    from tests.proofs.release_clients import seconds_pass
    from tests.proofs.release_stage import refusal_of, wait_for_web, wait_for_worker

    early = site.start_web(following, site.ports[0])
    webs = [site.start_web(former, port) for port in site.ports]
    worker = site.start_worker(former)
    for web, port in zip(webs, site.ports, strict=True):
        wait_for_web(web, port)
    wait_for_worker(worker)
    if BEHIND not in refusal_of(early):
        run.violations.append("The next release starts beside a database that is behind.")
    load.start()
    try:
        seconds_pass(load, run.seconds)
        load.counts["migration_seconds"] = _seconds(lambda: site.migrate(following))
        for number, port in enumerate(site.ports):
            webs[number].process.send_signal(signal.SIGHUP)
            webs[number].stop()
            webs[number] = site.start_web(following, port)
            wait_for_web(webs[number], port)
            seconds_pass(load, run.seconds)
        worker.stop()
        wait_for_worker(site.start_worker(following))
        load.counts["contract_seconds"] = _seconds(lambda: site.migrate(following, "--contract"))
        seconds_pass(load, run.seconds)
    finally:
        load.stop()
    late = site.start_web(former, site.ports[0])
    if CONTRACTED not in refusal_of(late):
        run.violations.append("The former release starts beside a database that is contracted.")


def _seconds(do: Any) -> int:
    began = time.monotonic()
    do()
    return round(time.monotonic() - began)


def _find_violations(run: Run, site: Any, load: Any) -> None:
    """Compare the answers that the clients got with the rows and mails."""
    for failure, number in Counter(load.failures).most_common(10):
        run.violations.append(f"{number} requests failed: {failure}")
    by_customer: dict[int, Counter[str]] = {}
    for position, email in load.added:
        by_customer.setdefault(position, Counter())[email] += 1
    for position, emails in by_customer.items():
        found = Counter(load.customers[position].added())
        _compare(run, load, "addition", expected=emails, found=found)
    _compare(run, load, "mail", expected=Counter(load.mails), found=_delivered(site, load))


def _compare(
    run: Run, load: Any, what: str, *, expected: Counter[str], found: Counter[str]
) -> None:
    lost, twice = expected - found, found - expected
    load.counts["lost"] += lost.total()
    load.counts["twice"] += twice.total()
    run.violations += [f"{what} {name} is lost" for name in list(lost)[:10]]
    run.violations += [f"{what} {name} is there once more" for name in list(twice)[:10]]


def _delivered(site: Any, load: Any) -> Counter[str]:
    """The subjects of all mails, once nothing is pending; a worker is woken as by the beat."""
    from core.outbox.delivery import call_worker
    from core.outbox.lanes import Lane
    from core.outbox.models import OutboxMessage

    limit = time.monotonic() + DELIVERY_SECONDS
    pending = OutboxMessage.objects.filter(finished_at=None, payload__subject__in=load.mails)
    while pending.exists() and time.monotonic() < limit:
        call_worker(Lane.PEOPLE)
        time.sleep(1)
    text = "\n".join(path.read_text() for path in site.mails.iterdir())
    return Counter(re.findall(r"^Subject: (Mail \d+ of the proof)$", text, re.MULTILINE))


def main() -> int:
    """Run the proof with the arguments of the command line; returns 1 if there are violations."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--providers", type=int, default=300, help="(300)")
    parser.add_argument("--clients", type=int, default=64, help="at once (64)")
    parser.add_argument("--seconds", type=float, default=10, help="of load after each step (10)")
    parser.add_argument("--pause", type=float, default=0, help="after each answer, in seconds (0)")
    parser.add_argument("--seed", type=int, default=None, help="of the random numbers (random)")
    arguments = parser.parse_args()
    seed = secrets.randbelow(2**32) if arguments.seed is None else arguments.seed
    from tests.own_database import fresh_database, set_up

    with fresh_database():
        set_up()
        from django.db import connections

        logging.getLogger("httpx").setLevel(logging.WARNING)
        run = Run(
            providers=arguments.providers,
            clients=arguments.clients,
            seconds=arguments.seconds,
            pause=arguments.pause,
            seed=seed,
        )
        try:
            result = prove(run)
        finally:
            connections.close_all()
    for violation in run.violations:
        sys.stderr.write(f"violation: {violation}\n")
    sys.stdout.write(json.dumps(result) + os.linesep)
    return 1 if run.violations else 0


if __name__ == "__main__":
    raise SystemExit(main())
