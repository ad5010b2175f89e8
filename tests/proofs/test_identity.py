"""A short run of the proof of identities: each person counts once, and not after leaving."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.database_url import database_url


@pytest.mark.proof
def test_each_person_counts_once_and_not_after_leaving(committed: None) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.proofs.identity", "--short", "--seed", "7"],
        cwd=Path(__file__).resolve().parent.parent.parent,
        # With another order of sets, the same seed makes another run.
        env={**os.environ, "DATABASE_URL": database_url(), "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    result = json.loads(ran.stdout.splitlines()[-1])
    faults = ("counted_twice", "leavers_billed", "lost", "different")
    assert [result[name] for name in faults] == [0, 0, 0, 0]
    assert result["spellings"] >= 350
    assert result["closed months"] == 2
    for kind in (
        "same",
        "partial",
        "raced",
        "mistakes stopped",
        "asked again",
        "requests",
        "suspended",
    ):
        assert result[kind] > 0, kind
