"""`make check`: the tools that hold the house style, each shown as one line."""

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO

from mtp.supervisor import terminal
from mtp.supervisor.processes import await_end, start_process
from mtp.supervisor.state import CHECKOUT

ROOMS = ("core", "mtp", "accounts", "tenants", "usage", "billing", "integrations", "sandbox")


@dataclass(frozen=True, slots=True)
class Check:
    """One tool; `production` gives it the settings of production."""

    label: str
    command: tuple[str, ...]
    production: bool = False


def _checks() -> list[Check]:
    manage = ("python", "manage.py")
    checks = [
        # The longest go first, so that no processor waits for one of them at the end.
        Check("Types (mypy)", ("mypy", ".")),
        Check("Lint (ruff)", ("ruff", "check", ".")),
        Check("Format (ruff)", ("ruff", "format", "--check", ".")),
        Check("Security (bandit)", ("bandit", "-q", "-ll", "-c", "pyproject.toml", "-r", *ROOMS)),
        Check(
            "Templates (djLint)", ("djlint", "templates", "mtp/demo/templates", "--lint", "--quiet")
        ),
        Check("Floors (import-linter)", ("lint-imports",)),
        Check(
            "Compose file (schema)",
            ("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"),
        ),
        Check("Chart (Helm, schemas)", ("python", "-m", "tests.deployment.chart")),
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
    "TRUSTED_PROXY_COUNT": "1",
    "SECRET_KEY": "a-key-of-the-check-alone-that-signs-nothing-at-all-0",
    "ENCRYPTION_KEYS": "a-key-of-the-check-alone-that-encrypts-nothing-at-all-0",
    "PAYMENT_LINK_KEYS": "a-key-of-the-check-alone-that-signs-no-link-at-all-0",
    "EMAIL_URL": "smtp+tls://mtp:mtp@mail.mtp.example:587",
    "DEFAULT_FROM_EMAIL": "billing@mtp.example",
    "SUPPORT_EMAIL": "support@mtp.example",
    "STRIPE_API_KEY": "sk_live_none",
    "STRIPE_PUBLISHABLE_KEY": "pk_live_none",
    "STRIPE_API_BASE": "https://api.stripe.com",
    "STRIPE_JS_URL": "https://js.stripe.com/v3/",
    "AUTOTASK_BASE_URL": "https://webservices.autotask.net/atservicesrest",
    "SELLER_NAME": "MTP Software Inc.",
    "SELLER_ADDRESS": "500 Example Street,Denver",
    "SELLER_COUNTRY": "US",
    "SELLER_TAX_ID": "US 00-0000000",
    "SELLER_EMAIL": "billing@mtp.example",
}


@dataclass(slots=True)
class _Running:
    check: Check
    process: subprocess.Popen[bytes]
    output: IO[bytes]
    began: float


def _start(check: Check, environment: dict[str, str]) -> _Running:
    output = TemporaryFile()  # noqa: SIM115 - closed by _report
    process = start_process(
        check.command,
        environment=environment | (PRODUCTION if check.production else {}),
        directory=CHECKOUT,
        output=output,
    )
    return _Running(check, process, output, time.monotonic())


def _report(ended: _Running) -> bool:
    """Shows the outcome of one tool, with its output where it disagrees."""
    check = ended.check
    with ended.output:
        if ended.process.returncode == 0:
            terminal.done(check.label, f"{time.monotonic() - ended.began:5.1f} s")
            return True
        terminal.objection(check.label, "disagrees")
        ended.output.seek(0)
        said = ended.output.read().decode(errors="replace").rstrip()
        terminal.say(f"\n$ {' '.join(check.command)}\n{said}\n")
        return False


def run_checks(environment: dict[str, str]) -> bool:
    """Runs every tool, one on each processor at a time; returns whether all agreed."""
    waiting, running, agreed = _checks(), list[_Running](), True
    try:
        while waiting or running:
            while waiting and len(running) < len(os.sched_getaffinity(0)):
                running.append(_start(waiting.pop(0), environment))
            for one in [one for one in running if one.process.poll() is not None]:
                running.remove(one)
                agreed = _report(one) and agreed
            time.sleep(0.05)
    finally:
        for one in running:
            one.process.terminate()
            await_end(one.process, grace_seconds=5)
    return agreed
