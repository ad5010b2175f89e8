"""What must come from the operating system: Pango for documents, Chromium for browser tests."""

import ctypes
import importlib.util
import os
import shutil
import sys
from pathlib import Path

from mtp.supervisor.commands import run_command
from mtp.supervisor.terminal import Refused, done, refuse

DOCUMENT_LIBRARIES = (
    "libpango-1.0.so.0",
    "libpangoft2-1.0.so.0",
    "libharfbuzz.so.0",
    "libharfbuzz-subset.so.0",
    "libfontconfig.so.1",
)
PANGO_PACKAGES = ("libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0", "fontconfig")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Names of the program, Debian's package, and what happens without it.
TEST_PROGRAMS = (
    (BROWSERS, "chromium", "browser tests will be skipped"),
    (("rsync",), "rsync", "the restore of a whole database will not be tested"),
    (("pgbouncer",), "pgbouncer", "connections through a pooler will not be tested"),
)


def _missing_libraries() -> list[str]:
    missing = []
    for name in DOCUMENT_LIBRARIES:
        try:
            ctypes.CDLL(name)
        except OSError:
            missing.append(name)
    return missing


def _can_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def _apt_get(packages: tuple[str, ...], *, base: Path, what: str) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}

    def run(*arguments: str, step: str) -> None:
        command = ["apt-get", "--yes", *arguments]
        log = base / "setup.log"
        run_command(command, environment=environment, directory=base, log=log, step=step)

    install = ("install", "--no-install-recommends", *packages)
    try:
        run(*install, step=what)
    except Refused:
        # A fresh machine has no package lists yet.
        run("update", step="Fetching the package lists")
        run(*install, step=what)


def require_venv_module(base: Path) -> None:
    """Makes sure that `python -m venv` works, which Debian packages apart; or raises Refused."""
    if importlib.util.find_spec("ensurepip"):
        return
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    if not _can_install():
        refusal = f"This Python cannot make a virtual environment: sudo apt-get install {version}"
        raise Refused(refusal)
    _apt_get((version,), base=base, what=f"Installing {version}")


def ensure_pango(base: Path) -> None:
    """Makes sure that invoices can be rendered: installs Pango as root, or raises Refused."""
    if not _missing_libraries():
        done("Pango", "ready")
        return
    by_hand = f"Invoices need Pango: sudo apt-get install {' '.join(PANGO_PACKAGES)}"
    if not _can_install():
        raise Refused(by_hand)
    _apt_get(PANGO_PACKAGES, base=base, what="Installing Pango")
    if _missing_libraries():
        raise Refused(by_hand)


def ensure_test_programs(base: Path) -> None:
    """Installs as root what tests need and is missing; or says which of them are skipped."""
    for names, package, without_it in TEST_PROGRAMS:
        if any(shutil.which(name) for name in names):
            done(package.capitalize(), "ready")
            continue
        if _can_install():
            try:
                _apt_get((package,), base=base, what=f"Installing {package}")
            except Refused as failure:
                refuse(str(failure))
            else:
                continue
        refuse(f"{package} is missing, {without_it}: sudo apt-get install {package}")
