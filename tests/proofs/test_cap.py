"""A short run of the cap proof: 20 clients by form, domain call, bulk, raw SQL and COPY."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.database_url import database_url


@pytest.mark.proof
@pytest.mark.parametrize("organizations", [1, 3])
def test_no_client_adds_a_user_above_the_cap(committed: None, organizations: int) -> None:
    size = ["--seconds", "4", "--tries", "200", "--clients", "20"]
    size += ["--organizations", str(organizations)]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.proofs.cap", *size],
        cwd=Path(__file__).resolve().parent.parent.parent,
        env={**os.environ, "DATABASE_URL": database_url()},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    result = json.loads(ran.stdout.splitlines()[-1])
    assert result["violations"] == 0
    assert result["clients"] == 20
    for name in ("accepted", "refused", "killed", "events"):
        assert result[name] > 0, result
