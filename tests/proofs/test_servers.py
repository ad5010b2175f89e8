"""A short run of the proof of many servers; `make prove-servers` runs the whole."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.proof
def test_a_provider_moves_under_load_and_a_server_that_is_away_stops_only_its_own() -> None:
    size = ["--servers", "2", "--moves", "1", "--seconds", "0.6", "--steps", "1", "--kills", "0"]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.proofs.servers", "--short", *size],
        cwd=Path(__file__).resolve().parents[2],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    result = json.loads(ran.stdout.splitlines()[-1])
    assert (result["lost"], result["wrong_counts"], result["foreign"]) == (0, 0, 0)
    # Each killed one was repeated.
    assert (result["moves"], result["kills"]) == (2, 1)
    assert result["refused_while_away"] > 0
    assert result["added"] > 50
