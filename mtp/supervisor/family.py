"""Keeps a set of children running: starts them in order, restarts what dies, stops them in turn."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType

from mtp.supervisor import terminal
from mtp.supervisor.child import Child, Spec, tail
from mtp.supervisor.processes import end
from mtp.supervisor.state import State
from mtp.supervisor.terminal import Refused

READY_SECONDS = 60.0
STEADY_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 30.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """A person or the machine asked us to stop; raised only where nothing is half done."""


class Family:
    """The children of one state. Made only while the state is claimed."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.children: dict[str, Child] = {}
        self.stop_signal: int | None = None
        self._pauses: dict[str, float] = {}
        self._due: dict[str, float] = {}

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Inside, stop signals raise Stopped at the next pause; leaving it stops all children."""

        def request(signal_number: int, _frame: FrameType | None) -> None:
            self.stop_signal = signal_number

        before = {number: signal.signal(number, request) for number in STOP_SIGNALS}
        try:
            self._end_previous_run()
            yield
        finally:
            if self.children:
                terminal.event("Stopping")
            self.stop()
            for number, handler in before.items():
                signal.signal(number, handler)

    def pause(self, seconds: float = 0.1) -> None:
        """Waits; raises Stopped once a stop signal came."""
        if self.stop_signal is None:
            time.sleep(seconds)
        if self.stop_signal is not None:
            raise Stopped

    def start(self, spec: Spec) -> None:
        """Starts a child and returns when it is ready.

        Raises Refused, with the end of its log, when it dies or is not ready in time.
        """
        self._spawn(spec)
        self.wait_for(spec.name)

    def launch(self, spec: Spec) -> None:
        """Starts a child without waiting for it."""
        self._spawn(spec)

    def wait_for(self, name: str) -> None:
        """Returns when the child is ready; raises Refused as `start` does."""
        child = self.children[name]
        while not child.spec.is_ready():
            ended = child.has_ended()
            if ended or time.monotonic() - child.began > READY_SECONDS:
                why = f"ended with {child.how_it_ended()}" if ended else "did not become ready"
                text = f"{child.spec.label} {why}; {child.spec.log}:\n{tail(child.spec.log)}"
                raise Refused(text)
            self.pause(0.05)

    def tend(self) -> None:
        """One look at everybody: whoever ended is started again, later if it ended quickly."""
        now = time.monotonic()
        for name, child in list(self.children.items()):
            if name in self._due:
                if now >= self._due[name]:
                    del self._due[name]
                    self._spawn(child.spec)
            elif child.has_ended():
                self._plan_restart(name, child, now)

    def tend_while(self, condition: Callable[[], bool]) -> None:
        """Tends until `condition` is false; raises Stopped on a stop signal."""
        while condition():
            self.tend()
            self.pause()

    def stop(self) -> None:
        """Stops everybody, the services last; a further stop signal changes nothing."""
        latest_first = list(reversed(self.children.values()))
        product = [child for child in latest_first if not child.spec.is_service]
        for child in product:
            child.ask_to_stop()
        for child in [*product, *(one for one in latest_first if one.spec.is_service)]:
            child.stop()
        self.children.clear()
        self.state.record_children({})

    def _spawn(self, spec: Spec) -> None:
        self.children[spec.name] = Child(spec)
        self._record()

    def _plan_restart(self, name: str, child: Child, now: float) -> None:
        child.sweep()
        steady = now - child.began > STEADY_SECONDS
        pause = 0.0 if steady else self._pauses.get(name, 0.0)
        self._pauses[name] = min(max(1.0, pause * 2), LONGEST_PAUSE_SECONDS)
        self._due[name] = now + pause
        when = f"in {pause:.0f} s" if pause else "now"
        terminal.event(
            f"{child.spec.label} ended ({child.how_it_ended()}), starting again {when}"
            f" - {child.spec.log}"
        )

    def _record(self) -> None:
        self.state.record_children({name: one.identity for name, one in self.children.items()})

    def _end_previous_run(self) -> None:
        """Ends, by pid and start time, what a killed supervisor left behind."""
        if any(who.is_alive() for who in self.state.children()):
            terminal.event("Ending what a killed run left behind")
        for who in self.state.children():
            # SIGINT is the fast stop of PostgreSQL, and a stop to all the others too.
            end(who, stop_signal=signal.SIGINT, grace=5)
        self.state.record_children({})
