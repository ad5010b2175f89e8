"""The verbs of the supervisor: `up`, `down`, `services`, `run`, `check` and `test`."""

import argparse
import signal
import subprocess
from collections.abc import Callable, Sequence

from mtp.supervisor import processes, terminal
from mtp.supervisor.checks import run_checks
from mtp.supervisor.family import Family, Stopped
from mtp.supervisor.packages import ensure_packages
from mtp.supervisor.services import start_services
from mtp.supervisor.settings import testing_environment
from mtp.supervisor.state import CHECKOUT, State, base_directory
from mtp.supervisor.system import ensure_chromium, ensure_pango
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
    family = Family(state)
    try:
        with family.together():
            run_product(family)
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
    processes.send(pid, signal.SIGTERM)
    if not processes.wait_until(state.claim, seconds=60):
        refusal = f"Process {pid} has not stopped within a minute."
        raise terminal.Refused(refusal)
    terminal.say("  Stopped.")
    return 0


def _in_services(work: Callable[[Family, dict[str, str]], int]) -> int:
    """Does `work` with the services of the `test` state running; always stops them after it."""
    state = _claimed("test")
    if state is None:
        return 1
    family = Family(state)
    try:
        with family.together():
            environment = testing_environment(state)
            environment |= start_services(family, environment)
            state.announce(address=environment["DATABASE_URL"].rpartition("@")[2])
            return work(family, environment)
    except Stopped:
        return INTERRUPTED


def _in_foreground(family: Family, command: Sequence[str], environment: dict[str, str]) -> int:
    """Runs a command at the terminal, tending the services meanwhile; returns its exit code."""
    try:
        process = subprocess.Popen(command, env=environment, cwd=CHECKOUT)
    except OSError as error:
        refusal = f"{command[0]}: {error.strerror}"
        raise terminal.Refused(refusal) from None
    try:
        family.tend_while(lambda: process.poll() is None)
    finally:
        if process.poll() is None:
            # Ctrl-C reached the command by itself; anything else has to be passed on.
            if family.stop_signal != signal.SIGINT:
                process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def services() -> int:
    """Runs PostgreSQL and Valkey alone, with nothing set up before, and says how to reach them."""

    def stay(family: Family, environment: dict[str, str]) -> int:
        for name in ("DATABASE_URL", "REDIS_URL"):
            terminal.say(f"export {name}={environment[name]}")
        family.tend_while(lambda: True)
        return 0

    return _in_services(stay)


def run(command: Sequence[str]) -> int:
    """Runs one command with the services around it and returns its exit code."""
    terminal.title("Services for one command")
    base = base_directory()
    ensure_packages(base, lock_name="dev.txt")
    return _in_services(lambda family, environment: _in_foreground(family, command, environment))


def check() -> int:
    """Runs the tools of the house style; 1 where one disagrees."""
    terminal.title("Checks")
    ensure_packages(base_directory(), lock_name="dev.txt")
    return _in_services(lambda _, environment: 0 if run_checks(environment) else 1)


def test(arguments: Sequence[str]) -> int:
    """Runs the checks, then pytest with `arguments`; both run even if the first disagrees."""
    terminal.title("Tests")
    base = base_directory()
    ensure_pango(base)
    ensure_packages(base, lock_name="dev.txt")
    ensure_chromium(base)

    def everything(family: Family, environment: dict[str, str]) -> int:
        agreed = run_checks(environment)
        code = _in_foreground(family, ["python", "-m", "pytest", *arguments], environment)
        if not agreed:
            terminal.refuse("Some checks disagree, see above.")
        return code or (0 if agreed else 1)

    return _in_services(everything)


def main(*, arguments: Sequence[str]) -> int:
    """Runs the verb and returns the exit code; a refusal is one line, never a traceback."""
    plain: dict[str, Callable[[], int]] = {
        "up": up,
        "down": down,
        "check": check,
        "services": services,
    }
    passing: dict[str, Callable[[Sequence[str]], int]] = {"run": run, "test": test}
    parser = argparse.ArgumentParser(prog="mtp/supervisor", description=__doc__)
    parser.add_argument("verb", choices=[*plain, *passing])
    # What follows `run` and `test` belongs to the command, options included.
    own = arguments[:1] if arguments[:1] and arguments[0] in passing else arguments
    verb, rest = parser.parse_args(own).verb, arguments[1:]
    try:
        if verb in plain:
            return plain[verb]()
        return passing[verb](rest[1:] if rest[:1] == ["--"] else rest)
    except terminal.Refused as refusal:
        terminal.refuse(str(refusal))
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
