"""A short run of the release proof; `make prove-release` runs the whole."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.proof
def test_a_release_under_load_fails_and_loses_nothing() -> None:
    """In a separate database: schemas of the next release are refused by this one."""
    # Pauses leave the processors to what starts; the load goes on through each step.
    size = ["--providers", "2", "--clients", "3", "--seconds", "0.5", "--pause", "0.15"]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.proofs.release", *size, "--seed", "20261129"],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    result = json.loads(ran.stdout.splitlines()[-1])
    assert result["violations"] == result["failed"] == result["lost"] == result["twice"] == 0
    for name in ("requests", "added", "messages"):
        assert result[name] > 0, result
