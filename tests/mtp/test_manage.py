"""`./manage.py` without an activated virtual environment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(not (ROOT / ".venv").exists(), reason="no .venv in the checkout")
def test_manage_py_finds_the_virtual_environment() -> None:
    bare = {"PATH": f"{sys.base_prefix}/bin:{os.defpath}", "SECRET_KEY": "x", "DEBUG": ""}
    run = subprocess.run(
        ["./manage.py", "version"],
        cwd=ROOT,
        env={**os.environ, **bare},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout.strip()[:1]) == (0, "5"), run.stderr
