"""Proof that the bill is true: `make prove-truth`, `python -m tests.proofs.truth`.

Plays random histories in all time zones: users and devices that come, leave and move between
organizations, active users, packs, commitments, voids, erasures and usage reported late. Each month
is closed. Each number of each organization is compared between the month's row, the invoice, its
PDF and CSV, the API, the pages, the statement per client, the preview taken just before the close
and the PSA's quantity, and with a naive replay that is written only for this proof. Each bill so
far is compared between all places that show it. At the end each month is verified. The last line is
one JSON object.
"""

import argparse
import json
import random
import secrets
import sys
import zoneinfo
from collections import Counter
from typing import Any

from tests.own_database import own_portal
from tests.proofs.run import in_processes

CELLS = 20_000


def run_histories(arguments: tuple[int, int]) -> tuple[Counter[str], list[str]]:
    """Play histories with this seed until so many cells are compared; counts and differences."""
    import django

    django.setup()
    from django.test import Client, override_settings
    from django.test.utils import setup_test_environment

    from accounts.roles import Role
    from accounts.validation import time_zone_names
    from core.schema import provider_schema
    from tests.api_client import System
    from tests.personas import create_persona
    from tests.proofs.truth_history import History
    from tests.proofs.truth_stage import Stage, rolled_back
    from tests.providers import close_provider, open_provider
    from tests.rendered import announce_rendered_pages

    setup_test_environment()
    announce_rendered_pages()
    cells, seed = arguments
    suffix = secrets.token_hex(2).upper()
    provider = open_provider(canary=f"Truth{suffix}", prefix=f"TRU{suffix}")
    person = create_persona(
        provider=provider,
        role=Role.BILLING_ADMIN,
        name="Bill",
        email=f"bill@{suffix}.example".lower(),
    )
    dice, counts, differences = random.Random(seed), Counter[str](), list[str]()
    names = sorted(time_zone_names())
    try:
        with override_settings(API_REQUESTS_PER_MINUTE=10**9, MENU_CACHE_SECONDS=0):
            system = System.of(provider)
            while counts["cells"] < cells:
                history = History.random(dice, zoneinfo.ZoneInfo(dice.choice(names)))
                with rolled_back(), provider_schema(provider):
                    client = Client()
                    client.force_login(person)
                    stage = Stage(provider, history, client, system)
                    stage.play()
                counts += stage.counts
                counts["histories"] += 1
                differences += stage.differences
    finally:
        close_provider(provider)
    return counts, differences


def prove(*, cells: int, seed: int) -> dict[str, Any]:
    """Play histories in several processes; returns the JSON object of the last line."""
    return in_processes(run_histories, amount=cells, seed=seed, name="different")


def main() -> int:
    """Run the proof with the arguments of the command line; returns 1 if there are differences."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--cells", type=int, default=CELLS, help=f"how many ({CELLS:,})")
    parser.add_argument("--seed", type=int, default=None, help="of the random numbers (random)")
    arguments = parser.parse_args()
    seed = secrets.randbelow(2**31) if arguments.seed is None else arguments.seed
    with own_portal():
        result = prove(cells=arguments.cells, seed=seed)
    sys.stdout.write(json.dumps(result) + "\n")
    return 1 if result["different"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
