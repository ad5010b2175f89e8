"""`make up`: from an empty state to the first page."""

import socket

from mtp.supervisor import terminal
from mtp.supervisor.commands import run_command
from mtp.supervisor.ports import first_listening
from mtp.supervisor.process_group import ProcessGroup
from mtp.supervisor.product import (
    launch_autotask_standin,
    launch_stripe_standin,
    launch_web,
    launch_workers_and_beat,
)
from mtp.supervisor.services import start_services
from mtp.supervisor.settings import development_environment, handed_on, venv_python
from mtp.supervisor.state import CHECKOUT
from mtp.supervisor.terminal import Refused

DEFAULT_PORT = "8000"


def _web_listener(chosen: str) -> socket.socket:
    if not chosen.isdecimal() or not 0 < int(chosen) < 65536:  # noqa: PLR2004 - all ports there are
        text = f"PORT must be a number from 1 to 65535, not {chosen!r}."
        raise Refused(text)
    try:
        listener, port = first_listening(int(chosen))
    except OSError as error:
        raise Refused(str(error)) from None
    if port != int(chosen):
        terminal.event(f"Port {chosen} is taken, using {port}")
    return listener


def run_product(group: ProcessGroup) -> None:
    """Starts everything, says where it is and who can sign in, and supervises it until Stopped.

    Raises Refused when a part can't be started. The listening socket stays open throughout, for a
    web server that has to be started again.
    """
    environment = development_environment(group.state)
    listener = _web_listener(environment.get("PORT", DEFAULT_PORT))
    with listener:
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        environment = {"SITE_URL": origin} | environment
        environment |= start_services(group, environment)
        environment |= launch_stripe_standin(group, environment)
        environment |= launch_autotask_standin(group, environment)
        _migrate(group, environment)
        _collect_files(group, environment)
        # Web comes up while the demo is loaded; the schedule must not meet half a demo.
        launch_web(group, environment, listener)
        logins = _load_demo(group, environment)
        _await_servers(group)
        launch_workers_and_beat(group, environment)
        group.state.announce(address=origin)
        _welcome(group, origin, logins)
        with handed_on(environment):
            group.supervise_while(lambda: True)


def _await_servers(group: ProcessGroup) -> None:
    step = terminal.Step("Stand-ins and web server")
    for name in ("stripe", "autotask", "web"):
        if name in group.children:
            group.wait_for(name)
    step.finish()


def _manage(
    group: ProcessGroup, environment: dict[str, str], *verb: str, log_name: str, step: str
) -> str:
    return run_command(
        [str(venv_python()), "manage.py", *verb],
        environment=environment,
        directory=CHECKOUT,
        log=group.state.logs / f"{log_name}.log",
        errors=group.state.logs / "manage.log",
        step=step,
    )


def _migrate(group: ProcessGroup, environment: dict[str, str]) -> None:
    step = "Database migrations"
    _manage(group, environment, "migrate_providers", "--contract", log_name="migrate", step=step)


def _collect_files(group: ProcessGroup, environment: dict[str, str]) -> None:
    """Gives styles, scripts and icons the addresses and the form that they have in production."""
    if environment["HASHED_FILES"] == "1":
        verb = ("collectstatic", "--no-input", "--clear")
        _manage(group, environment, *verb, log_name="files", step="Styles and scripts")


def _load_demo(group: ProcessGroup, environment: dict[str, str]) -> str:
    """Loads the demo unless DEMO=0 and returns the lines about its logins."""
    if environment.get("DEMO") == "0":
        return ""
    # The demo's cards are entered at Stripe's stand-in.
    if "stripe" in group.children:
        group.wait_for("stripe")
    return _manage(group, environment, "load_demo", log_name="demo", step="Demo provider")


def _welcome(group: ProcessGroup, address: str, logins: str) -> None:
    terminal.say(f"\n  Open {terminal.coloured(address + '/', '1;4')}\n")
    for line in logins.splitlines():
        terminal.say(f"  {line}")
    terminal.say(f"\n  Logs and data: {group.state.directory}")
    terminal.say("  Stop with Ctrl-C.\n")
