"""Proof that no client meets another provider's rows through a pooler: `make prove-pooler`.

Clients share fewer connections to PostgreSQL than they are, through PgBouncer in transaction mode,
and change between providers: models, raw SQL, cursors of the server, COPY, savepoints, rollbacks,
errors, pages, forms, the API, tasks and messages. Each row names its owner. Afterwards each
provider must have exactly the users that its clients added. Without DATABASE_POOLER the portal must
refuse the same address. The last line is one JSON object.
"""

import argparse
import json
import logging
import os
import random
import secrets
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

CLIENTS, SERVERS, PROVIDERS, TIMES = 8, 6, 50, 100_000
SHOWN = 20


def race(
    owned: Sequence[Any],
    *,
    clients: int,
    times: int,
    seed: int,
    alias: str = "default",
    only: Sequence[str] = (),
) -> dict[str, Any]:
    """Let the clients work on these providers, then compare; returns the JSON object."""
    from django.test import override_settings

    from tests.proofs.pooler_clients import Caller, deliver_due, timezone, wrong_counters

    began = time.monotonic()
    callers = [Caller(number, owned, random.Random(seed + number)) for number in range(clients)]
    work = {"times": times // clients, "alias": alias, "only": only}
    with override_settings(API_REQUESTS_PER_MINUTE=10**9, MENU_CACHE_SECONDS=0):
        threads = [threading.Thread(target=caller.work, kwargs=work) for caller in callers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    counts = sum((caller.counts for caller in callers), Counter[str]())
    wrong: list[str] = []
    for each in owned:
        deliver_due(now=timezone.now(), schema=each.provider.schema_name)
        expected = sum(caller.users[each.canary] for caller in callers)
        counts["foreign"] += wrong_counters(each, expected=expected, report=wrong.append)
    differences = [difference for caller in callers for difference in caller.differences]
    for text in [*differences, *wrong][:SHOWN]:
        sys.stderr.write(f"violation: {text}\n")
    return {
        "foreign": counts.pop("foreign", 0),
        "wrong_counters": len(wrong),
        "errors": len(differences),
        "done": sum(counts.values()),
        "users": sum(caller.users.total() for caller in callers),
        **dict(sorted(counts.items())),
        "clients": clients,
        "providers": len(owned),
        "seed": seed,
        "seconds": round(time.monotonic() - began, 1),
    }


def is_refused_without_the_mode(url: str) -> bool:
    """Whether the portal's other backend refuses this address."""
    from django.db import connections

    from core.postgresql.base import DatabaseWrapper, PoolerRefused
    from mtp.databases import databases

    named = databases(url, pooler="", direct_url="", replica_url="", process="worker", clock="")
    # PgBouncer refuses options at login too, which is a second net.
    plain = {**connections["default"].settings_dict, **named["default"], "OPTIONS": {}}
    try:
        DatabaseWrapper(plain).ensure_connection()
    except PoolerRefused:
        return True
    return False


def main() -> int:
    """Run with the arguments of the command line; returns 1 if there are violations."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--times", type=int, default=TIMES, help=f"reads and writes ({TIMES:,})")
    parser.add_argument("--providers", type=int, default=PROVIDERS, help=f"({PROVIDERS})")
    parser.add_argument("--seed", type=int, default=None, help="of the random numbers (random)")
    arguments = parser.parse_args()
    seed = secrets.randbelow(2**31) if arguments.seed is None else arguments.seed
    from tests.own_database import fresh_database, set_up
    from tests.pgbouncer import MISSING, PROGRAM, pgbouncer

    if PROGRAM is None:
        sys.stdout.write(json.dumps({"skipped": MISSING}) + "\n")
        return 0
    with fresh_database():
        direct = os.environ["DATABASE_URL"]
        with pgbouncer(direct, servers=SERVERS) as url:
            os.environ |= {
                "DATABASE_URL": url,
                "DATABASE_POOLER": "transaction",
                "DATABASE_DIRECT_URL": direct,
            }
            set_up()
            result = _prove(url, times=arguments.times, providers=arguments.providers, seed=seed)
    sys.stdout.write(json.dumps(result) + "\n")
    violations = ("foreign", "wrong_counters", "errors")
    is_proved = result["refused_without_the_mode"] and not any(map(result.get, violations))
    return 0 if is_proved else 1


def _prove(url: str, *, times: int, providers: int, seed: int) -> dict[str, Any]:
    from django.db import connections
    from django.test.utils import setup_test_environment

    from tests.proofs.pooler_clients import Owned

    setup_test_environment()
    # A line for each request would hide the result.
    logging.disable(logging.INFO)
    try:
        is_refused = is_refused_without_the_mode(url)
        owned = [Owned.open(number) for number in range(providers)]
        result = race(owned, clients=CLIENTS, times=times, seed=seed)
    finally:
        connections.close_all()
    return {**result, "servers": SERVERS, "refused_without_the_mode": is_refused}


if __name__ == "__main__":
    raise SystemExit(main())
