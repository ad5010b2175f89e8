"""`make check`: the tools that hold the house style, each shown as one line."""

import shutil
import subprocess
import time
from dataclasses import dataclass

from mtp.supervisor import terminal
from mtp.supervisor.state import CHECKOUT

ROOMS = ("mtp", "accounts", "tenants", "usage", "billing", "integrations", "sandbox")


@dataclass(frozen=True, slots=True)
class Check:
    """One tool; `production` gives it the settings of production."""

    label: str
    command: tuple[str, ...]
    production: bool = False


def _checks() -> list[Check]:
    manage = ("python", "manage.py")
    checks = [
        Check("Lint (ruff)", ("ruff", "check", ".")),
        Check("Format (ruff)", ("ruff", "format", "--check", ".")),
        Check("Types (mypy)", ("mypy", ".")),
        Check("Floors (import-linter)", ("lint-imports",)),
        Check(
            "Templates (djLint)", ("djlint", "templates", "mtp/demo/templates", "--lint", "--quiet")
        ),
        Check("Security (bandit)", ("bandit", "-q", "-ll", "-c", "pyproject.toml", "-r", *ROOMS)),
        Check("Migrations complete", (*manage, "makemigrations", "--check", "--dry-run")),
        Check("Migrations safe", ("python", "-m", "tests.architecture.migration_lint")),
        Check(
            "Deployment settings",
            (*manage, "check", "--deploy", "--fail-level", "WARNING"),
            production=True,
        ),
    ]
    if shutil.which("node") and (CHECKOUT / "node_modules").is_dir():
        checks.append(Check("Compiled styles", ("npm", "run", "--silent", "css:check")))
    return checks


PRODUCTION = {
    "MTP_ENVIRONMENT": "production",
    "ALLOWED_HOSTS": "mtp.example",
    "SITE_URL": "https://mtp.example",
}


def run_checks(environment: dict[str, str]) -> bool:
    """Runs every tool, shows what the failing ones say, and returns whether all agreed."""
    agreed = True
    for check in _checks():
        began = time.monotonic()
        result = subprocess.run(
            check.command,
            cwd=CHECKOUT,
            env=environment | (PRODUCTION if check.production else {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if result.returncode == 0:
            terminal.done(check.label, f"{time.monotonic() - began:5.1f} s")
        else:
            agreed = False
            terminal.objection(check.label, "disagrees")
            terminal.say(f"\n$ {' '.join(check.command)}\n{result.stdout.rstrip()}\n")
    return agreed
