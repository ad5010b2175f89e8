"""A short run of the counting proof: months of 100 sequences against a naive replay."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.database_url import database_url


@pytest.mark.proof
def test_every_month_equals_its_naive_replay(committed: None) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.proofs.counting", "--sequences", "100"],
        cwd=Path(__file__).resolve().parent.parent.parent,
        env={**os.environ, "DATABASE_URL": database_url()},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    result = json.loads(ran.stdout.splitlines()[-1])
    assert (result["differences"], result["sequences"], result["months"]) == (0, 100, 400)
    assert result["additions"] > result["removals"] > 0
