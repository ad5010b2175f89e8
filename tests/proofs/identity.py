"""Proof that each person counts once, and not after leaving: `make prove-identity`.

Companies with 5,000 people together live for six months: people join, leave, are renamed, blocked,
deleted and created again, share mailboxes or are guests. Their directories' exports are written as
six tools and Excel write them, each address in a random spelling, and imported as the worker does:
whole files that the organization is made equal to, the same file again, parts that only add, parts
by mistake as if they were whole; others come by API and form. Months are closed in between. After
each import, and for each month, the users, marks and explanations are compared with who was really
there, which the proof knows because it made them. The last line is one JSON object.
"""

import argparse
import functools
import json
import logging
import random
import secrets
import sys
from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo

from tests.proofs.run import PROCESSES, in_processes

PEOPLE, MONTHS, SPELLINGS = 5_000, 6, 100_000
SHORT = (40, 2, 350)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Pacific/Kiritimati", "Asia/Kathmandu")


def run_companies(
    arguments: tuple[int, int], *, months: int, spellings: float
) -> tuple[Counter[str], list[str]]:
    """Play companies with so many people; `spellings` are those of each of them and month."""
    import django

    django.setup()
    from django.test import Client, override_settings
    from django.test.utils import setup_test_environment

    from accounts.roles import Role
    from core.schema import provider_schema
    from tests.api_client import System
    from tests.personas import create_persona
    from tests.proofs.identity_comparison import Comparison, open_billing
    from tests.proofs.identity_product import Product
    from tests.proofs.identity_stage import Stage
    from tests.providers import close_provider, open_provider

    setup_test_environment()
    # Otherwise a log line per request hides the result.
    logging.getLogger("mtp.request").setLevel(logging.ERROR)
    people, seed = arguments
    dice = random.Random(seed)
    zone, suffix = ZoneInfo(dice.choice(ZONES)), secrets.token_hex(2).upper()
    provider = open_provider(canary=f"Ident{suffix}", prefix=f"IDT{suffix}")
    person = create_persona(
        provider=provider,
        role=Role.OWNER,
        name="Olga",
        email=f"olga@{suffix}.example".lower(),
    )
    try:
        with override_settings(API_REQUESTS_PER_MINUTE=10**9), provider_schema(provider):
            open_billing(provider, zone)
            client = Client()
            client.force_login(person)
            product = Product(provider, client, System.of(provider), dice)
            comparison = Comparison(zone, product.counts)
            stage = Stage(product, dice, comparison, months)
            stage.play(people=people, files=spellings)
    finally:
        close_provider(provider)
    counts = product.counts
    counts["counted_twice"] = comparison.counted_twice
    counts["leavers_billed"] = comparison.leavers_billed
    counts["lost"] = comparison.lost
    return counts, comparison.differences


def prove(*, people: int, months: int, spellings: int, seed: int, processes: int) -> dict[str, Any]:
    """Play companies in several processes; returns the JSON object of the last line."""
    part = functools.partial(run_companies, months=months, spellings=spellings / (people * months))
    result = in_processes(part, amount=people, seed=seed, name="different", processes=processes)
    faults = {name: result.pop(name, 0) for name in ("counted_twice", "leavers_billed", "lost")}
    return {**faults, **result}


def main() -> int:
    """Run the proof with the arguments of the command line; returns 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--people", type=int, default=PEOPLE, help=f"at the begin ({PEOPLE:,})")
    parser.add_argument("--months", type=int, default=MONTHS, help=f"how many ({MONTHS})")
    parser.add_argument(
        "--spellings", type=int, default=SPELLINGS, help=f"in files, about ({SPELLINGS:,})"
    )
    parser.add_argument("--seed", type=int, default=None, help="of the random numbers (random)")
    parser.add_argument("--short", action="store_true", help="a small run")
    arguments = parser.parse_args()
    sizes = (arguments.people, arguments.months, arguments.spellings)
    people, months, spellings = SHORT if arguments.short else sizes
    seed = secrets.randbelow(2**31) if arguments.seed is None else arguments.seed
    # A run that breaks off can be repeated too.
    sys.stderr.write(f"seed {seed}\n")
    result = prove(
        people=people,
        months=months,
        spellings=spellings,
        seed=seed,
        # A second process would take as long to start as the short run takes.
        processes=1 if arguments.short else PROCESSES,
    )
    sys.stdout.write(json.dumps(result) + "\n")
    faults = ("counted_twice", "leavers_billed", "lost", "different")
    return 1 if any(result[name] for name in faults) else 0


if __name__ == "__main__":
    from tests.own_database import fresh_database, set_up

    with fresh_database():
        set_up()
        from django.db import connections

        connections.close_all()
        code = main()
    raise SystemExit(code)
