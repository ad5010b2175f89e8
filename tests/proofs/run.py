"""Shared by the proofs: the run and its result, the Stripe stand-in, the command line."""

import argparse
import json
import logging
import multiprocessing
import os
import random
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

PROCESSES = 2
SHOWN = 40


@dataclass
class Run:
    """One run of a proof: its random numbers, counts and violations."""

    tries: int
    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.began = time.monotonic()

    def result(self, *names: str) -> dict[str, Any]:
        """The JSON object of the last line: violations, these counts, the seed to repeat it."""
        return {
            "violations": len(self.violations),
            "tries": self.tries,
            **{name: self.counts[name] for name in names},
            "seed": self.seed,
            "seconds": round(time.monotonic() - self.began, 1),
        }


@contextmanager
def separate_stripe(run: Run) -> Iterator[Any]:
    """A stand-in in a separate process, as the portal's Stripe."""
    from django.test import override_settings

    from tests.sandbox_fixtures import StripeStandIn, start_stripe_stand_in

    process, url = start_stripe_stand_in()
    stripe = StripeStandIn(url, account=f"proof{run.seed}")
    try:
        with override_settings(STRIPE_API_KEY=stripe.secret_key, STRIPE_API_BASE=stripe.url):
            yield stripe
    finally:
        process.terminate()
        process.communicate(timeout=10)


def in_processes(
    part: Callable[[tuple[int, int]], tuple[Counter[str], list[str]]],
    *,
    amount: int,
    seed: int,
    name: str,
    processes: int = PROCESSES,
) -> dict[str, Any]:
    """Do shares of `amount` in several processes; returns the JSON object of the last line.

    `part` gets its share and a separate seed, and returns its counts and differences. `name` is
    that of their number.
    """
    began = time.monotonic()
    share = -(-amount // processes)
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        parts = pool.map(part, [(share, seed + number) for number in range(processes)])
    differences = [difference for _, found in parts for difference in found]
    for difference in differences[:SHOWN]:
        sys.stderr.write(f"{difference}\n")
    return {
        name: len(differences),
        **sum((counts for counts, _ in parts), Counter[str]()),
        "seed": seed,
        "seconds": round(time.monotonic() - began, 1),
    }


def main(prove: Callable[[Run], dict[str, Any]], *, about: str, unit: str, tries: int) -> int:
    """Run the proof with the arguments of the command line, in a separate database.

    Workers of a running portal take no part. The last line printed is one JSON object. Returns the
    exit code: 1 if there are violations.
    """
    parser = argparse.ArgumentParser(description=about.split("\n", maxsplit=1)[0])
    parser.add_argument("--tries", type=int, default=tries, help=f"{unit} ({tries})")
    parser.add_argument("--seed", type=int, default=None, help="of the random numbers (random)")
    arguments = parser.parse_args()
    seed = secrets.randbelow(2**32) if arguments.seed is None else arguments.seed
    from tests.own_database import fresh_database, set_up

    with fresh_database():
        set_up()
        from django.db import connections
        from django.test.utils import setup_test_environment

        setup_test_environment()
        # Otherwise a log line per request hides the result.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        run = Run(tries=arguments.tries, seed=seed)
        try:
            result = prove(run)
        finally:
            connections.close_all()
    for violation in run.violations:
        sys.stderr.write(f"violation: {violation}\n")
    sys.stdout.write(json.dumps(result) + os.linesep)
    return 1 if run.violations else 0
