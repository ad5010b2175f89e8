"""One child process: how it is started, asked whether it is ready, and stopped."""

import contextlib
import http.client
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from mtp.supervisor.account import Account
from mtp.supervisor.processes import Identity, die_with_parent, end, identify

CALLER = Account(uid=None, gid=None)


@dataclass(frozen=True, slots=True)
class Spec:
    """What is needed to run one child in the foreground.

    `is_ready` must answer within a second or two; `clear` runs before each start, to remove what a
    killed predecessor left.
    """

    name: str
    label: str
    arguments: Sequence[str]
    environment: dict[str, str]
    directory: Path
    log: Path
    is_ready: Callable[[], bool]
    account: Account = CALLER
    stop_signal: int = signal.SIGTERM
    grace_seconds: float = 10
    clear: Callable[[], None] = field(default=lambda: None)
    pass_fds: tuple[int, ...] = ()
    # A service that the others need: stopped after them.
    is_service: bool = False


def spawn(
    arguments: Sequence[str],
    *,
    environment: dict[str, str],
    directory: Path,
    account: Account,
    stop_signal: int,
    stdin: int,
    stdout: IO[bytes],
    stderr: IO[bytes],
    pass_fds: tuple[int, ...] = (),
) -> subprocess.Popen[bytes]:
    """Starts a process in a session of its own, under the account, that dies with this one."""
    return subprocess.Popen(
        arguments,
        env=environment,
        cwd=directory,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        pass_fds=pass_fds,
        user=account.uid,
        group=account.gid,
        extra_groups=None if account.uid is None else [],
        # The kernel forgets this wish at a change of user: Popen calls it after that.
        preexec_fn=die_with_parent(stop_signal),  # noqa: PLW1509 - one thread only
    )


class Child:
    """A running child; it leads a session of its own, so the terminal's Ctrl-C passes it by."""

    def __init__(self, spec: Spec) -> None:
        spec.clear()
        self.spec = spec
        self.began = time.monotonic()
        with spec.log.open("ab") as log:
            self.process = spawn(
                spec.arguments,
                environment=spec.environment,
                directory=spec.directory,
                account=spec.account,
                stop_signal=spec.stop_signal,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=spec.pass_fds,
            )
        # A child that ended within the first microseconds has no identity left to record.
        self.identity = identify(self.process.pid) or Identity(self.process.pid, "ended")

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def how_it_ended(self) -> str:
        """For people: `exit code 1`, or `killed by SIGKILL`."""
        code = self.process.returncode
        if code is not None and code < 0:
            with contextlib.suppress(ValueError):
                return f"killed by {signal.Signals(-code).name}"
        return f"exit code {code}"

    def ask_to_stop(self) -> None:
        if not self.has_ended():
            self.process.send_signal(self.spec.stop_signal)

    def stop(self) -> None:
        """Waits for the end, forces it after the grace time, and sweeps up its session."""
        self.ask_to_stop()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=self.spec.grace_seconds)
        self.sweep()

    def sweep(self) -> None:
        end(self.identity, stop_signal=signal.SIGKILL, grace=5)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=5)


def answers_http(port: int, path: str) -> bool:
    """Whether `GET path` at the loopback port is answered with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def tail(log: Path, *, lines: int = 15, since: int = 0) -> str:
    """The last lines of a log after byte `since`: why something failed, or how far it is."""
    try:
        with log.open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(since, stream.tell() - 8192))
            text = stream.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])
