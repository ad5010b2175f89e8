"""The backup of the whole database, kept and restored by the files and steps of operators.

Barman runs with `deploy/barman/barman.conf`, started by `deploy/barman/keep.sh`; the steps of a
restore are the blocks of docs/runbook.md.
"""

import os
import pwd
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mtp.supervisor.account import service_account
from tests.deployment.cluster import DATABASE, Cluster, server_options
from tests.deployment.dockerfile import ROOT

BLOCKS = re.findall(
    r"<!-- tested: tests/mtp/backups/test_runbook\.py[^>]* -->\n```sh\n(.*?)```",
    (ROOT / "docs/runbook.md").read_text(),
    re.DOTALL,
)
BACK_UP, RESTORE, FINISH, BASE_BACKUP, TO_INSTANT, TO_THE_END, START, RECONCILE = BLOCKS
# For a backup of 300 providers on a machine that does other work as well.
LONGEST = 600.0


def why_not() -> str:
    """Why this machine can't back up or restore a whole database; empty if it can."""
    missing = [name for name in ("barman", "file", "rsync") if not shutil.which(name, path=_path())]
    return f"{' and '.join(missing)} is not installed" if missing else ""


def _path() -> str:
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


def run(block: str, *, environment: dict[str, str], as_server: bool = False) -> str:
    """Run a block of the runbook; returns its output. Raises `AssertionError` with it."""
    account = service_account()
    options = {}
    if as_server and account.uid is not None:
        options = {"user": account.uid, "group": account.gid, "extra_groups": []}
    done = subprocess.run(
        ["sh", "-e", "-c", block],
        env=environment,
        cwd="/" if as_server else ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **options,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return str(done.stdout)


@dataclass
class Backup:
    """Barman's home, and the environment of its commands for the server at `cluster`'s port."""

    cluster: Cluster
    home: Path
    _files: Path = field(init=False)

    def __post_init__(self) -> None:
        self._files = self.home.with_name(f"{self.home.name}-files")
        self._files.mkdir()
        self.home.mkdir(exist_ok=True)
        configuration = (ROOT / "deploy/barman/barman.conf").read_text()
        mine = {
            "barman_user = postgres": f"barman_user = {pwd.getpwuid(os.geteuid()).pw_name}",
            "barman_home = /var/backups/mtp": f"barman_home = {self.home}",
        }
        for line, here in mine.items():
            assert line in configuration
            configuration = configuration.replace(line, here)
        (self._files / ".barman.conf").write_text(configuration)
        (self._files / "password").write_text(self.cluster.passwords["mtp_backup"])

    @property
    def environment(self) -> dict[str, str]:
        """What the service `barman` gets, with the programs of this machine."""
        return {
            "PATH": os.pathsep.join([str(self.cluster.programs), _path()]),
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.cluster.port),
            "PGPASSFILE": str(self._files / "pgpass"),
            "BACKUP_PASSWORD_FILE": str(self._files / "password"),
            "HOME": str(self._files),
            "LANG": "C.UTF-8",
        }

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Inside, `keep.sh` runs; entered when `barman check` finds everything well."""
        log = self._files / "log"
        with log.open("ab") as output:
            keeper = subprocess.Popen(
                ["sh", ROOT / "deploy/barman/keep.sh"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            self._wait_until_well(log)
            yield
        finally:
            # The receiver of the log is one of its children.
            os.killpg(keeper.pid, signal.SIGTERM)
            keeper.wait(timeout=30)

    def _wait_until_well(self, log: Path) -> None:
        began = time.monotonic()
        while subprocess.run(
            ["barman", "--quiet", "check", "mtp"],
            env=self.environment,
            capture_output=True,
            check=False,
        ).returncode:
            assert time.monotonic() - began < LONGEST, log.read_text()[-4000:]
            time.sleep(0.2)

    def restored(self, block: str, data: Path, *, instant: str = "") -> dict[str, float]:
        """Restore into `data` and start the server there, by the blocks; returns the seconds."""
        environment = self.environment | {
            "DATA": str(data),
            "INSTANT": instant,
            "OPTIONS": shlex.join(server_options(data, port=self.cluster.port)),
        }
        began = time.monotonic()
        run(block, environment=environment)
        account = service_account()
        for path in (data, *data.rglob("*")):
            account.own(path)
        copied = time.monotonic()
        run(START, environment=environment, as_server=True)
        return {"copy": copied - began, "replay": time.monotonic() - copied}


def address(cluster: Cluster, role: str = "postgres") -> str:
    """The address of the portal's database, for a role."""
    return cluster.url(role, database=DATABASE)
