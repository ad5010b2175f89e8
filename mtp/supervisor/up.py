"""`make up`: from an empty state to the first page."""

import socket
from functools import partial

from mtp.supervisor import terminal
from mtp.supervisor.errands import run_errand
from mtp.supervisor.family import Family
from mtp.supervisor.ports import first_listening
from mtp.supervisor.product import (
    launch_autotask_standin,
    launch_stripe_standin,
    launch_worker_and_beat,
    start_web,
)
from mtp.supervisor.services import start_services
from mtp.supervisor.settings import development_environment, venv_python
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


def run_product(family: Family) -> None:
    """Starts everything, says where it is and who can sign in, and tends it until Stopped.

    Raises Refused when a part can't be started. The listening socket stays open throughout, for a
    web server that has to be started again.
    """
    environment = development_environment(family.state)
    listener = _web_listener(environment.get("PORT", DEFAULT_PORT))
    with listener:
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        environment = {"SITE_URL": origin} | environment
        environment |= start_services(family, environment)
        environment |= launch_stripe_standin(family, environment)
        environment |= launch_autotask_standin(family, environment)
        logins = _prepare_database(family, environment)
        _start_servers(family, environment, listener)
        family.state.announce(address=origin)
        _welcome(family, origin, logins)
        family.tend_while(lambda: True)


def _start_servers(family: Family, environment: dict[str, str], listener: socket.socket) -> None:
    step = terminal.Step("Stand-ins, worker, schedule and web server")
    launch_worker_and_beat(family, environment)
    for name in ("stripe", "autotask"):
        if name in family.children:
            family.wait_for(name)
    start_web(family, environment, listener)
    step.finish()


def _prepare_database(family: Family, environment: dict[str, str]) -> str:
    """Migrates, loads the demo unless DEMO=0, and returns the lines about its logins."""
    logs = family.state.logs
    manage = partial(
        run_errand,
        family,
        environment=environment,
        directory=CHECKOUT,
        errors=logs / "manage.log",
    )
    command = [str(venv_python()), "manage.py"]
    manage([*command, "migrate_providers"], log=logs / "migrate.log", step="Database migrations")
    if environment.get("DEMO") == "0":
        return ""
    # The demo's cards are entered at Stripe's stand-in.
    if "stripe" in family.children:
        family.wait_for("stripe")
    return manage([*command, "load_demo"], log=logs / "demo.log", step="Demo provider")


def _welcome(family: Family, address: str, logins: str) -> None:
    terminal.say(f"\n  Open {terminal.coloured(address + '/', '1;4')}\n")
    for line in logins.splitlines():
        terminal.say(f"  {line}")
    terminal.say(f"\n  Logs and data: {family.state.directory}")
    terminal.say("  Stop with Ctrl-C.\n")
