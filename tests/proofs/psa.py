"""Proof that a PSA holds exactly what it should: `make prove-psa`, `python -m tests.proofs.psa`.

Plays nights of the sync against the Autotask stand-in, with random faults: a connection that is
dropped or reset after the change, status 502 after it, a truncated response, Itgenatr005, the
hourly threshold, slow responses, a person's edit before the run or between its read and its write,
and a worker that is killed before or after a statement, commit or call. After each night the
stand-in's rows are compared with the organizations' users. The last line is one JSON object.
"""

import argparse
import json
import os
import random
import secrets
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

PUSH, UNITS = "ServiceAdjustments", "ContractServiceUnits"
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "drop_after", "path": PUSH},
    {"kind": "reset_after", "path": PUSH},
    {"kind": "bad_gateway_after", "path": PUSH},
    {"kind": "truncated_json", "path": PUSH},
    {"kind": "cut_body", "path": PUSH},
    {"kind": "null_item_id", "path": PUSH},
    {"kind": "drop_before", "path": PUSH},
    {"kind": "thread_threshold", "path": PUSH},
    {"kind": "refuse", "path": PUSH, "status": 429, "retryAfter": 0},
    {"kind": "slow_after", "path": PUSH, "seconds": 0.8},
    {"kind": "slow_before", "path": PUSH, "seconds": 0.8},
    {"kind": "drop_after", "path": UNITS},
    {"kind": "truncated_json", "path": UNITS},
    {"kind": "bad_gateway_after", "path": "Contracts/query"},
    {"kind": "refuse", "path": UNITS, "status": 429, "retryAfter": 0},
)
# Seconds until the client gives up on a response; shorter than the slow responses above.
TIMEOUT = 0.5


@dataclass
class Run:
    """One run of the proof: its random numbers, counts and violations."""

    nights: int
    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    violations: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)


def prove(run: Run) -> dict[str, Any]:
    """Run the proof with a provider and a separate stand-in; returns the JSON object."""
    from tests.autotask_fixtures import start_autotask_stand_in, stop_autotask_stand_in
    from tests.providers import close_provider, open_provider

    process, url = start_autotask_stand_in()
    began = time.monotonic()
    provider = open_provider(canary="Proof", prefix="PSA")
    try:
        with _short_timeout():
            _play_with_stand_in(run, provider, url)
    finally:
        close_provider(provider)
        stop_autotask_stand_in(process)
    kinds = Counter(kind for kind, _ in run.violations)
    return {
        "wrong_quantities": kinds["wrong_quantities"],
        "double_deltas": kinds["double_deltas"],
        "silent_overwrites": kinds["silent_overwrites"],
        "nights": run.nights,
        "faults": run.counts["faults"],
        "kills": run.counts["kills"],
        "edits": run.counts["edits"],
        "adjustments": run.counts["adjustments"],
        "drifts_decided": run.counts["drifts_accept"] + run.counts["drifts_overwrite"],
        "seed": run.seed,
        "seconds": round(time.monotonic() - began, 1),
    }


@contextmanager
def _short_timeout() -> Iterator[None]:
    """Let calls give up before slow responses arrive, and retry soon."""
    import httpx

    from integrations.autotask.api import client

    timeout, pause = client.TIMEOUT, client.FIRST_PAUSE
    client.TIMEOUT, client.FIRST_PAUSE = httpx.Timeout(TIMEOUT), 0.01
    try:
        yield
    finally:
        client.TIMEOUT, client.FIRST_PAUSE = timeout, pause


def _play_with_stand_in(run: Run, provider: Any, url: str) -> None:
    import httpx
    from django.test import override_settings

    from tests.autotask_fixtures import HEADERS, AutotaskStandIn
    from tests.proofs.psa_stage import create_stage

    base_url = f"{url}/zone3/ATServicesRest/V1.0/"
    with (
        override_settings(AUTOTASK_BASE_URL=f"{url}/atservicesrest"),
        httpx.Client(base_url=base_url, headers=HEADERS, timeout=30) as api,
    ):
        played = create_stage(provider, AutotaskStandIn(url=url, api=api), run.dice)
        _play(run, played)
        run.counts.update(played.counts)


def _play(run: Run, played: Any) -> None:
    from core.schema import schema_named
    from tests.proofs.psa_stage import forget_limits

    for _ in range(run.nights):
        with schema_named(played.schema):
            night = played.stage.now.replace(hour=1, minute=0, second=0, microsecond=0)
            played.stage.now = night + timedelta(days=1)
            forget_limits()
            played.stage.stand_in.control("DELETE", "faults")
            played.stage.stand_in.control("POST", "limits", {"requestsInTimeframe": 0})
            played.change_users()
            _one_night(run, played)


def _one_night(run: Run, played: Any) -> None:
    from integrations.autotask.sync.runs import request_run
    from integrations.models import SyncRun
    from tests.proofs.psa_stage import ADMINISTRATOR

    stand_in = played.stage.stand_in
    if run.dice.random() < 0.12:
        played.edit_before_run()
    _set_faults(run, played)
    job = request_run(kind=SyncRun.Kind.MANUAL, actor=ADMINISTRATOR, now=played.stage.now)
    for _ in range(run.dice.randrange(3)):
        _work_until_killed(run, played, job)
    _count_faults(run, stand_in)
    _end_threshold(stand_in)
    finished = played.finish(job)
    played.note_applied_edits()
    run.violations += [
        (kind, f"{played.stage.now:%F}: {what}") for kind, what in played.errors(finished)
    ]
    stand_in.control("DELETE", "faults")
    run.violations += [
        (kind, f"{played.stage.now:%F}: {what}") for kind, what in played.decide_drifts()
    ]


def _set_faults(run: Run, played: Any) -> None:
    stand_in = played.stage.stand_in
    if run.dice.random() < 0.2:
        played.set_edit_before_push()
    for _ in range(run.dice.choice((0, 1, 1, 2))):
        stand_in.fault(**run.dice.choice(FAULTS), after=run.dice.randrange(2))
    if run.dice.random() < 0.05:
        stand_in.control("POST", "limits", {"requestsInTimeframe": 10_000})


def _count_faults(run: Run, stand_in: Any) -> None:
    for fault in stand_in.control("GET", "faults"):
        if fault["kind"] != "person_edit" and fault["hits"] > fault["after"]:
            run.counts["faults"] += 1
    if stand_in.control("GET", "limits")["requestsInTimeframe"] >= 10_000:
        run.counts["faults"] += 1


def _end_threshold(stand_in: Any) -> None:
    """End the hour in which the threshold is reached; other faults stay set."""
    from tests.proofs.psa_stage import forget_limits

    forget_limits()
    stand_in.control("POST", "limits", {"requestsInTimeframe": 0})


def _work_until_killed(run: Run, played: Any, job: Any) -> None:
    """Run a worker process that is killed at some step or finishes its slice."""
    from tests.proofs.close_worker import Steps, fork

    steps = Steps()
    steps.arm(run.dice.randint(1, 160))
    pid = fork(partial(_work, played.schema, job.pk, played.stage.now, steps))
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        run.counts["kills"] += 1
    elif status:
        run.violations.append(("wrong_quantities", f"a worker ended with status {status}"))


def _work(schema: str, run_id: int, now: Any, steps: Any) -> None:
    from django.db import connection

    from core.schema import schema_named
    from integrations.autotask.api import client
    from integrations.autotask.sync.runs import run_slice

    send = client.Client._send  # noqa: SLF001 - the call itself
    client.Client._send = lambda *arguments: steps.around(send, *arguments)  # noqa: SLF001 - as above
    connection.ensure_connection()
    connection._commit = partial(steps.around, connection._commit)  # noqa: SLF001 - the commit
    with connection.execute_wrapper(steps.around), schema_named(schema):
        run_slice(run_id=run_id, now=now)


def main() -> int:
    """Run the proof with the arguments of the command line; returns 1 if there are violations."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--nights", type=int, default=500, help="nights played (500)")
    parser.add_argument("--seed", type=int, default=None, help="of the random numbers (random)")
    arguments = parser.parse_args()
    seed = secrets.randbelow(2**32) if arguments.seed is None else arguments.seed
    from tests.own_database import fresh_database, set_up

    run = Run(nights=arguments.nights, seed=seed)
    with fresh_database():
        set_up()
        try:
            result = prove(run)
        finally:
            from django.db import connections

            connections.close_all()
    for kind, what in run.violations:
        sys.stderr.write(f"{kind}: {what}\n")
    sys.stdout.write(json.dumps(result) + "\n")
    return 1 if run.violations else 0


if __name__ == "__main__":
    raise SystemExit(main())
