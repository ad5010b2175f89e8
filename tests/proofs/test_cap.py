"""The proof of the cap, short: 64 clients by form, domain call, bulk, raw SQL and COPY."""

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from django.db import connection


def database_url() -> str:
    """The test database, for processes of their own."""
    of = connection.settings_dict
    host = f"{of['HOST']}:{of['PORT']}" if of["PORT"] else of["HOST"]
    return f"postgres://{quote(of['USER'])}:{quote(of['PASSWORD'])}@{host}/{of['NAME']}"


@pytest.mark.proof
@pytest.mark.parametrize("organizations", [1, 3])
def test_no_client_passes_the_cap(committed: None, organizations: int) -> None:
    size = ["--seconds", "4", "--tries", "200", "--organizations", str(organizations)]
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
    assert result["clients"] == 64
    for happened in ("accepted", "refused", "killed", "events"):
        assert result[happened] > 0, result
