"""Runs the benchmarks of this folder in a separate database, which is dropped afterwards.

`python -m tests.benchmarks [--full] [--only NAME …]`; each module `bench_*.py` has
`run(*, full: bool) -> list[Result]`. One line per result: name, ratio, floor, limit.
"""

import argparse
import importlib
import pkgutil
import sys

import tests.benchmarks
from core.garbage import collect_seldom
from tests.own_database import fresh_database, set_up


def main() -> int:
    """Run the chosen benchmarks; returns 1 if any ratio exceeds its limit."""
    there = [
        name.removeprefix("bench_")
        for _, name, _ in pkgutil.iter_modules(tests.benchmarks.__path__)
        if name.startswith("bench_")
    ]
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--full", action="store_true", help="at the size the limits are for")
    parser.add_argument("--only", nargs="+", choices=there, default=there, metavar="NAME")
    asked = parser.parse_args()
    is_good = True
    with fresh_database():
        set_up()
        # As the web server, whose pages are measured in this process too.
        collect_seldom()
        for name in asked.only:
            module = importlib.import_module(f"tests.benchmarks.bench_{name}")
            for result in module.run(full=asked.full):
                sys.stdout.write(f"{result}\n")
                sys.stdout.flush()
                is_good = is_good and result.is_within
        from django.db import connections

        connections.close_all()
    return 0 if is_good else 1


if __name__ == "__main__":
    raise SystemExit(main())
