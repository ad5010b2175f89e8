"""Rendering documents, against WeasyPrint alone, and its growth with lines and processes.

Each figure is measured in new processes that render as a worker does. One fifth of the names are in
scripts that the annex renders more slowly.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from tests.benchmarks.result import Result

ROOT = Path(__file__).parents[2]
WORKER = (sys.executable, "-m", "tests.benchmarks.document_worker")
MOST_OVER_FLOOR = 1.2
MOST_FOR_LONG = 25
MOST_MEMORY_MB = 300
LEAST_GROWTH = 1.8


def run(*, full: bool) -> list[Result]:
    """Measure the four figures; `full` takes longer and is disturbed less."""
    floor = _measured("floor", 25 if full else 15)
    long = _measured("long", 3 if full else 1)
    one, two = _growth(seconds=15 if full else 5, rounds=3)
    return [
        Result(
            "invoice_of_20_lines_to_the_renderer_alone",
            floor["ours_ms"],
            floor["floor_ms"],
            "ms",
            MOST_OVER_FLOOR,
        ),
        Result(
            "invoice_of_2000_lines_to_one_of_20",
            long["long_ms"],
            long["short_ms"],
            "ms",
            MOST_FOR_LONG,
        ),
        Result("memory_for_2000_lines_to_300_MB", long["peak_mb"], MOST_MEMORY_MB, "MB", 1.0),
        # Time per document: 1.8 times the rate is 1/1.8 of the time.
        Result(
            "time_a_document_with_two_processes_to_one",
            1000 / two,
            1000 / one,
            "ms",
            round(1 / LEAST_GROWTH, 3),
        ),
    ]


def _measured(what: str, rounds: int) -> dict[str, float]:
    printed = subprocess.run(
        [*WORKER, what, str(rounds)], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    figures: dict[str, float] = json.loads(printed.splitlines()[-1])
    return figures


def _growth(*, seconds: int, rounds: int) -> tuple[float, float]:
    """Documents per second of one process and of two, medians of alternating rounds."""
    pairs = [
        (_rate(processes=1, seconds=seconds), _rate(processes=2, seconds=seconds))
        for _ in range(rounds)
    ]
    return median(one for one, _ in pairs), median(two for _, two in pairs)


def _rate(*, processes: int, seconds: int) -> float:
    workers = [
        subprocess.Popen(
            [*WORKER, "rate", str(seconds)],
            cwd=ROOT,
            env=os.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(processes)
    ]
    try:
        # All processes are warm before the first one starts.
        for worker in workers:
            assert worker.stdout is not None
            worker.stdout.readline()
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("\n")
            worker.stdin.flush()
        printed = [worker.communicate(timeout=seconds + 60)[0] for worker in workers]
        return float(sum(json.loads(lines)["per_second"] for lines in printed))
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
