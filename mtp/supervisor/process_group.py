"""Keeps a group of programs running: starts them in order, restarts what dies, stops all."""

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Self

from mtp.supervisor import terminal
from mtp.supervisor.account import CALLER, Account
from mtp.supervisor.commands import tail
from mtp.supervisor.processes import await_end, end_writers, start_process, writing_to
from mtp.supervisor.state import State
from mtp.supervisor.terminal import Refused

READY_SECONDS = 60.0
STEADY_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 30.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """A person or the machine has sent one of the STOP_SIGNALS; raised once at most."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number


def _ignore_stop_signals() -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _raise_stopped(signal_number: int, _frame: FrameType | None) -> None:
    _ignore_stop_signals()
    raise Stopped(signal_number)


def raise_on_stop_signals() -> None:
    """From here on a stop signal raises Stopped wherever the supervisor is."""
    for number in STOP_SIGNALS:
        signal.signal(number, _raise_stopped)


@dataclass(frozen=True, slots=True)
class Program:
    """A program that runs in the foreground, writing to `logs/<name>.log`.

    `is_ready` must answer within two seconds. `pid_file` is removed before each start: a killed
    predecessor leaves it, and its pid may belong to another process by then. `is_service` programs
    are stopped after those that need them.
    """

    name: str
    label: str
    arguments: Sequence[str]
    environment: dict[str, str]
    directory: Path
    is_ready: Callable[[], bool] = lambda: True
    account: Account = CALLER
    stop_signal: int = signal.SIGTERM
    grace_seconds: float = 10
    pid_file: Path | None = None
    pass_fds: tuple[int, ...] = ()
    is_service: bool = False


@dataclass(slots=True)
class Child:
    """A program's process, or the plan to start it again at `due`, in seconds of monotonic time."""

    program: Program
    process: subprocess.Popen[bytes]
    began: float
    pause: float = 0.0
    due: float | None = None

    def how_it_ended(self) -> str:
        """For people: `exit code 1`, or `killed by SIGKILL`."""
        code = self.process.returncode
        if code is not None and code < 0:
            with contextlib.suppress(ValueError):
                return f"killed by {signal.Signals(-code).name}"
        return f"exit code {code}"


class ProcessGroup:
    """The processes of one state, which is claimed before; a context manager.

    Entering ends what a killed supervisor has left; leaving stops all programs.
    """

    def __init__(self, state: State) -> None:
        self.state = state
        self.children: dict[str, Child] = {}

    def __enter__(self) -> Self:
        if writing_to(self.state.logs):
            terminal.event("Ending what a killed run left behind")
            # The kernel has already sent each its stop signal.
            end_writers(self.state.logs, grace_seconds=5)
        return self

    def __exit__(self, *_: object) -> None:
        _ignore_stop_signals()
        if self.children:
            terminal.event("Stopping")
        for services in (False, True):
            ending = [one for one in self.children.values() if one.program.is_service == services]
            for child in ending:
                child.process.send_signal(child.program.stop_signal)
            for child in ending:
                await_end(child.process, grace_seconds=child.program.grace_seconds)
        end_writers(self.state.logs)

    def start(self, program: Program) -> None:
        """Starts a program and returns when it is ready; raises Refused as `wait_for` does."""
        self.launch(program)
        self.wait_for(program.name)

    def launch(self, program: Program) -> None:
        """Starts a program without waiting for it."""
        self.children[program.name] = Child(program, self._spawn(program), time.monotonic())

    def wait_for(self, name: str) -> None:
        """Returns when the program is ready.

        Raises Refused, with the end of its log, when it dies or is not ready in time.
        """
        child = self.children[name]
        while not child.program.is_ready():
            ended = child.process.poll() is not None
            if ended or time.monotonic() - child.began > READY_SECONDS:
                why = f"ended with {child.how_it_ended()}" if ended else "did not become ready"
                log = self._log(child.program)
                text = f"{child.program.label} {why}; {log}:\n{tail(log)}"
                raise Refused(text)
            time.sleep(0.05)

    def supervise_while(self, condition: Callable[[], bool]) -> None:
        """Starts again what has ended, later if it ended quickly, until `condition` is false."""
        while condition():
            for child in self.children.values():
                self._supervise(child, time.monotonic())
            time.sleep(0.1)

    def _supervise(self, child: Child, now: float) -> None:
        if child.due is None and child.process.poll() is not None:
            if now - child.began > STEADY_SECONDS:
                child.pause = 0.0
            child.due = now + child.pause
            when = f"in {child.pause:.0f} s" if child.pause else "now"
            terminal.event(
                f"{child.program.label} ended ({child.how_it_ended()}), starting again {when}"
                f" - {self._log(child.program)}"
            )
            child.pause = min(max(1.0, child.pause * 2), LONGEST_PAUSE_SECONDS)
        if child.due is not None and now >= child.due:
            child.process, child.began, child.due = self._spawn(child.program), now, None

    def _log(self, program: Program) -> Path:
        return self.state.logs / f"{program.name}.log"

    def _spawn(self, program: Program) -> subprocess.Popen[bytes]:
        # What a killed predecessor forked: a backend of PostgreSQL in a long statement notices
        # late that its postmaster is dead, and a new postmaster does not start before that.
        end_writers(self._log(program))
        if program.pid_file:
            program.pid_file.unlink(missing_ok=True)
        with self._log(program).open("ab") as log:
            return start_process(
                program.arguments,
                environment=program.environment,
                directory=program.directory,
                output=log,
                account=program.account,
                stop_signal=program.stop_signal,
                pass_fds=program.pass_fds,
            )
