"""`make check`: the tools that hold the house style, each shown as one line."""

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, Self

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
    "OPERATIONS_NEED_FACTOR": "true",
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
    seconds: float = 0.0


class Checks:
    """The tools at work; a context manager that stops those which have not ended."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._waiting = _checks()
        self._running: list[_Running] = []
        self._ended: list[_Running] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._running:
            one.process.terminate()
            await_end(one.process, grace_seconds=5)

    def go_on(self, *, at_once: int = 1) -> bool:
        """Starts what may run; returns whether any tool is at work. Called often."""
        for one in [one for one in self._running if one.process.poll() is not None]:
            self._running.remove(one)
            one.seconds = time.monotonic() - one.began
            self._ended.append(one)
        while self._waiting and len(self._running) < at_once:
            self._running.append(_start(self._waiting.pop(0), self._environment))
        return bool(self._running)

    def agree(self) -> bool:
        """Runs the rest, one on each processor at a time, and shows the outcome of each tool."""
        agreed = is_at_work = True
        while is_at_work or self._ended:
            is_at_work = self.go_on(at_once=len(os.sched_getaffinity(0)))
            while self._ended:
                agreed = _report(self._ended.pop(0)) and agreed
            time.sleep(0.05)
        return agreed


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
            terminal.done(check.label, f"{ended.seconds:5.1f} s")
            return True
        terminal.objection(check.label, "disagrees")
        ended.output.seek(0)
        said = ended.output.read().decode(errors="replace").rstrip()
        terminal.say(f"\n$ {' '.join(check.command)}\n{said}\n")
        return False
