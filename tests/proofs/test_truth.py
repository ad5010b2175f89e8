"""A short run of the proof of the bill: every place equals every other, and a naive replay."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.database_url import database_url


@pytest.mark.proof
def test_every_place_shows_what_really_happened(committed: None) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.proofs.truth", "--cells", "400", "--seed", "4"],
        cwd=Path(__file__).resolve().parent.parent.parent,
        env={**os.environ, "DATABASE_URL": database_url()},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    result = json.loads(ran.stdout.splitlines()[-1])
    assert result["different"] == 0
    assert result["cells"] >= 400
    assert result["verified"] == result["months"]
    assert result["late"] > 0
    assert result["erased"] > 0
