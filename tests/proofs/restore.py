"""Proof of the whole backup: `make prove-restore`, `python -m tests.proofs.restore`.

A PostgreSQL as compose makes it holds providers with users, closed months and charges. `keep.sh`
keeps its backup. After a base backup there is more work, then the instant to go back to, then work
that must be forgotten: months are closed and charged, mails are sent, users are added. The server
is killed and its files are removed. On an empty machine, which has a copy of Barman's directory and
nothing else, the blocks of docs/runbook.md restore it, reconcile and verify. Every table must equal
that of the instant. Then the portal works on, and every month must have been charged once, no
number be issued twice and no mail be sent again. The last line is one JSON object, with the seconds
of each step.
"""

import argparse
import importlib
import json
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mtp.supervisor.account import service_account
from mtp.supervisor.state import base_directory
from tests.deployment.cluster import Cluster, compose_cluster
from tests.deployment.whole_backup import BASE_BACKUP, RECONCILE, TO_INSTANT, Backup, run, why_not
from tests.proofs.run import Run, separate_stripe

PROVIDERS = 300


class Seconds(dict[str, float]):
    """The seconds of each step."""

    @contextmanager
    def of(self, step: str) -> Iterator[None]:
        """Measure the block."""
        began = time.monotonic()
        yield
        self[step] = round(time.monotonic() - began, 1)
        sys.stderr.write(f"{self[step]:7.1f} s  {step}\n")


def prove(proof: Run, cluster: Cluster, place: Path) -> dict[str, Any]:
    """Fill the server, lose it, restore it; returns the JSON object of the last line."""
    from tests.proofs.restore_stage import Portal

    seconds = Seconds()
    with separate_stripe(proof) as stripe:
        with seconds.of("fill"):
            portal = Portal.filled(stripe, providers=proof.tries)
        backup = Backup(cluster, place / "backup")
        instant, stopped, kept = _work_and_lose(portal, backup, seconds)
        empty = place / "empty"
        empty.mkdir()
        shutil.copytree(backup.home, empty / "backup")
        shutil.rmtree(backup.home)
        moved = Backup(cluster, empty / "backup")
        data = empty / "data"
        seconds |= {
            name: round(value, 1)
            for name, value in moved.restored(TO_INSTANT, data, instant=instant).items()
        }
        try:
            proof.violations += portal.differences(kept)
            environment = portal.environment | {"INSTANT": instant, "STOPPED": stopped}
            for line in RECONCILE.splitlines():
                with seconds.of(line.split()[2]):
                    proof.violations += _refusals(line, environment)
            with seconds.of("work_after"):
                proof.violations += portal.work_after()
            with moved.kept():
                run(BASE_BACKUP, environment=moved.environment)
            facts = portal.facts()
        finally:
            portal.disconnect()
            stop = f"pg_ctl --pgdata={data} --mode=fast stop"
            run(stop, environment=moved.environment, as_server=True)
    return {
        "violations": len(proof.violations),
        **facts,
        "seconds_of": seconds,
        "restore_seconds": round(sum(map(seconds.__getitem__, RESTORING)), 1),
        "seed": proof.seed,
        "seconds": round(time.monotonic() - proof.began, 1),
    }


def _work_and_lose(
    portal: Any, backup: Backup, seconds: Seconds
) -> tuple[str, str, dict[str, tuple[int, object]]]:
    """The work around the instant, and the end of the server; returns what is to come back.

    That is the instant, the one at which the portal stopped, and the tables at the first.
    """
    with backup.kept():
        with seconds.of("base_backup"):
            run(BASE_BACKUP, environment=backup.environment)
        with seconds.of("work_to_keep"):
            portal.work_to_keep()
        instant, kept = portal.instant()
        with seconds.of("work_to_forget"):
            portal.work_to_forget()
        stopped = portal.now()
        portal.disconnect()
        time.sleep(1)
        backup.cluster.kill()
    shutil.rmtree(backup.cluster.data)
    return instant, stopped, kept


# From an empty machine to one on which the portal may start.
RESTORING = ("copy", "replay", "reconcile_restored", "verify_month", "verify_ledger")


def _refusals(line: str, environment: dict[str, str]) -> list[str]:
    try:
        run(line, environment=environment)
    except AssertionError as error:
        return [f"{line}: {error}"]
    return []


def main() -> int:
    """Prove; 1 if something differs, 0 also where this machine can't carry the proof out."""
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--providers", type=int, default=PROVIDERS, help=f"({PROVIDERS})")
    arguments = parser.parse_args()
    if why_not():
        sys.stdout.write(json.dumps({"skipped": why_not(), "violations": 0}) + os.linesep)
        return 0
    importlib.import_module("tests.environment")
    proof = Run(tries=arguments.providers, seed=secrets.randbelow(2**32))
    with tempfile.TemporaryDirectory(dir=base_directory()) as name:
        place = Path(name)
        machine = place / "machine"
        machine.mkdir()
        for path in (place, machine):
            service_account().own(path)
        with compose_cluster(machine) as cluster:
            os.environ["DATABASE_URL"] = cluster.url("mtp_owner")
            _set_up()
            result = prove(proof, cluster, place)
    for violation in proof.violations:
        sys.stderr.write(f"violation: {violation}\n")
    sys.stdout.write(json.dumps(result) + os.linesep)
    return 1 if proof.violations else 0


def _set_up() -> None:
    from tests.own_database import set_up

    set_up()
    from django.test.utils import setup_test_environment

    setup_test_environment()


if __name__ == "__main__":
    sys.exit(main())
