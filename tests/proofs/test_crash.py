"""A short run of the crash proof; `make prove-crash` runs the whole."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.proof
def test_the_portal_survives_a_killed_postgresql_and_redis():
    arguments = ["--parts", "kills", "--kills", "1", "--one-worker"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.proofs.crash", *arguments],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["violations"] == result["lost"] == result["twice"] == 0
    assert result["kills_postgres"] == result["kills_valkey"] == 1
    assert result["acknowledged"]
    assert result["unavailable"]
    assert result["mails"]
