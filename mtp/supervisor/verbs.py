"""The verbs of the supervisor: `up`, `down`, `run`, `check` and `test`."""

import argparse
import signal
import subprocess
from collections.abc import Callable, Sequence

from mtp.supervisor import terminal
from mtp.supervisor.checks import Checks
from mtp.supervisor.packages import ensure_packages
from mtp.supervisor.process_group import ProcessGroup, Stopped, raise_on_stop_signals
from mtp.supervisor.processes import die_with_parent, send, wait_until
from mtp.supervisor.services import start_services
from mtp.supervisor.settings import testing_environment
from mtp.supervisor.state import CHECKOUT, State, base_directory
from mtp.supervisor.system import ensure_pango, ensure_test_programs
from mtp.supervisor.up import run_product

INTERRUPTED = 130


def _claimed(name: str) -> State | None:
    """The named state, claimed, or None after saying who holds it."""
    state = State(base=base_directory(), name=name)
    if state.claim():
        return state
    pid, address = state.holder()
    where = f"at {address}" if address else "and is still starting"
    terminal.say(f"  Already running {where} (process {pid}).")
    return None


def up() -> int:
    """Runs the whole product until it is stopped; 0 also where it runs already."""
    base = base_directory()
    terminal.title("Multi-Tenant Portal")
    state = _claimed("dev")
    if state is None:
        return 0
    ensure_pango(base)
    ensure_packages(base, lock_name="local.txt")
    try:
        with ProcessGroup(state) as group:
            run_product(group)
    except Stopped:
        terminal.event("Stopped")
    return 0


def down() -> int:
    """Stops a running `up` of this checkout; raises Refused when it does not stop."""
    state = State(base=base_directory(), name="dev")
    if state.claim():
        terminal.say("  Nothing is running.")
        return 0
    pid, _ = state.holder()
    send(pid, signal.SIGTERM)
    if not wait_until(state.claim, seconds=60):
        refusal = f"Process {pid} has not stopped within a minute."
        raise terminal.Refused(refusal)
    terminal.say("  Stopped.")
    return 0


def _in_services(work: Callable[[ProcessGroup, dict[str, str]], int]) -> int:
    """Does `work` with the services of the `test` state running; always stops them after it."""
    state = _claimed("test")
    if state is None:
        return 1
    with ProcessGroup(state) as group:
        environment = testing_environment(state)
        environment |= start_services(group, environment)
        state.announce(address=environment["DATABASE_URL"].rpartition("@")[2])
        return work(group, environment)


def _in_foreground(
    group: ProcessGroup,
    command: Sequence[str],
    environment: dict[str, str],
    meanwhile: Callable[[], object] = lambda: None,
) -> int:
    """Runs a command at the terminal and returns its exit code.

    It supervises the services and calls `meanwhile` again and again until then.
    """

    def goes_on() -> bool:
        meanwhile()
        return process.poll() is None

    try:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=CHECKOUT,
            preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one thread only
        )
    except OSError as error:
        refusal = f"{command[0]}: {error.strerror}"
        raise terminal.Refused(refusal) from None
    try:
        group.supervise_while(goes_on)
    except Stopped as stopped:
        # Ctrl-C has reached the command too; it needs any other signal from us.
        if stopped.signal_number != signal.SIGINT:
            process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def _set_up_for_tests() -> None:
    """Installs what tests, proofs and benchmarks need; raises Refused where that is impossible."""
    base = base_directory()
    ensure_pango(base)
    ensure_packages(base, lock_name="dev.txt")
    ensure_test_programs(base)


def run(command: Sequence[str]) -> int:
    """Runs one command with the services around it and returns its exit code."""
    terminal.title("Services for one command")
    _set_up_for_tests()
    return _in_services(lambda group, environment: _in_foreground(group, command, environment))


def check() -> int:
    """Runs the tools of the house style; 1 where one disagrees."""
    terminal.title("Checks")
    ensure_packages(base_directory(), lock_name="dev.txt")

    def everything(_: ProcessGroup, environment: dict[str, str]) -> int:
        with Checks(environment) as checks:
            return 0 if checks.agree() else 1

    return _in_services(everything)


def test(arguments: Sequence[str]) -> int:
    """Runs pytest with `arguments`, and the checks in the time in which its tests wait.

    What the checks say is shown after the tests.
    """
    terminal.title("Tests")
    _set_up_for_tests()

    def everything(group: ProcessGroup, environment: dict[str, str]) -> int:
        command = ["python", "-m", "pytest", *arguments]
        with Checks(environment) as checks:
            code = _in_foreground(group, command, environment, meanwhile=checks.go_on)
            terminal.title("Checks")
            return code if checks.agree() else code or 1

    return _in_services(everything)


def main(*, arguments: Sequence[str]) -> int:
    """Runs the verb and returns the exit code; a refusal is one line, never a traceback."""
    plain: dict[str, Callable[[], int]] = {"up": up, "down": down, "check": check}
    passing: dict[str, Callable[[Sequence[str]], int]] = {"run": run, "test": test}
    parser = argparse.ArgumentParser(prog="mtp/supervisor", description=__doc__)
    parser.add_argument("verb", choices=[*plain, *passing])
    # What follows `run` and `test` belongs to the command, options included.
    own = arguments[:1] if arguments[:1] and arguments[0] in passing else arguments
    verb, rest = parser.parse_args(own).verb, arguments[1:]
    raise_on_stop_signals()
    try:
        if verb in plain:
            return plain[verb]()
        return passing[verb](rest[1:] if rest[:1] == ["--"] else rest)
    except terminal.Refused as refusal:
        terminal.refuse(str(refusal))
        return 1
    except Stopped:
        return INTERRUPTED
