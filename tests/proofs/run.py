"""What the proofs have in common: their dice, the Stripe stand-in, and how they are asked for."""

import argparse
import json
import logging
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


@dataclass
class Run:
    """One proof: its dice and what came of it."""

    tries: int
    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.began = time.monotonic()

    def told(self, *names: str) -> dict[str, Any]:
        """These counts between the verdict and what it takes to repeat the proof."""
        return {
            "violations": len(self.violations),
            "tries": self.tries,
            **{name: self.counts[name] for name in names},
            "seed": self.seed,
            "seconds": round(time.monotonic() - self.began, 1),
        }


@contextmanager
def stripe_of_its_own(run: Run) -> Iterator[Any]:
    """A stand-in in a process of its own, as the portal's Stripe."""
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


def main(prove: Callable[[Run], dict[str, Any]], *, about: str, unit: str, tries: int) -> int:
    """Hold the proof that the command line asks for, in a database of its own.

    No worker of a running portal takes part. The last line printed is one JSON object.
    """
    parser = argparse.ArgumentParser(description=about.split("\n", maxsplit=1)[0])
    parser.add_argument("--tries", type=int, default=tries, help=f"{unit} ({tries})")
    parser.add_argument("--seed", type=int, default=None, help="of the dice; random without it")
    asked = parser.parse_args()
    seed = secrets.randbelow(2**32) if asked.seed is None else asked.seed
    from tests.own_database import database_of_its_own, set_up

    with database_of_its_own():
        set_up()
        from django.db import connections
        from django.test.utils import setup_test_environment

        setup_test_environment()
        # One line per request would hide the verdict.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        run = Run(tries=asked.tries, seed=seed)
        try:
            result = prove(run)
        finally:
            connections.close_all()
    for violation in run.violations:
        sys.stderr.write(f"violation: {violation}\n")
    sys.stdout.write(json.dumps(result) + os.linesep)
    return 1 if run.violations else 0
