"""`./manage.py`, as people type it: without having entered any environment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.skipif(not (ROOT / ".venv").exists(), reason="runs in an environment elsewhere")
def test_the_command_line_finds_the_environment_by_itself() -> None:
    bare = {"PATH": f"{sys.base_prefix}/bin:{os.defpath}", "SECRET_KEY": "x", "DEBUG": ""}
    told = subprocess.run(
        ["./manage.py", "version"],
        cwd=ROOT,
        env={**os.environ, **bare},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stdout.strip()[:1]) == (0, "5"), told.stderr
