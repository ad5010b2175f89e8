"""Each proof of the Makefile, and the benchmarks, start as a command."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
MODULES = re.findall(r"run python -m (tests\.\S+) \$\(ARGS\)", (CHECKOUT / "Makefile").read_text())


@pytest.mark.parametrize("module", MODULES)
def test_the_command_imports_nothing_that_needs_settings_too_early(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout


def test_the_makefile_starts_every_proof() -> None:
    proofs = {
        f"tests.proofs.{path.stem}"
        for path in (CHECKOUT / "tests/proofs").glob("*.py")
        if "\nif __name__ ==" in path.read_text()
    }
    assert proofs | {"tests.benchmarks"} == set(MODULES)
