"""The children that make up the product: stand-ins, worker, schedule and web server."""

import socket
from dataclasses import replace

from mtp.supervisor.child import Spec, answers_http
from mtp.supervisor.family import Family
from mtp.supervisor.settings import venv_python
from mtp.supervisor.state import CHECKOUT, State


def _spec(
    state: State, name: str, label: str, *arguments: str, environment: dict[str, str]
) -> Spec:
    return Spec(
        name=name,
        label=label,
        arguments=[str(venv_python()), "-m", *arguments],
        environment=environment,
        directory=CHECKOUT,
        log=state.logs / f"{name}.log",
        is_ready=lambda: True,
    )


def _with_health(spec: Spec, *, port: int, path: str) -> Spec:
    return replace(spec, is_ready=lambda: answers_http(port, path))


def launch_stripe_standin(family: Family, environment: dict[str, str]) -> dict[str, str]:
    """Launches Stripe's stand-in unless a key is set; returns the variables that point to it."""
    if "STRIPE_API_KEY" in environment:
        return {}
    state = family.state
    port = state.port("stripe")
    origin = f"http://127.0.0.1:{port}"
    own = environment | {
        "STRIPE_STANDIN_WEBHOOK_URL": f"{environment['SITE_URL']}/webhooks/stripe/",
        "STRIPE_STANDIN_WEBHOOK_SECRET": environment["STRIPE_WEBHOOK_SECRET"],
    }
    where = ["--port", str(port), "--state", str(state.directory / "stripe.sqlite")]
    spec = _spec(state, "stripe", "Stripe stand-in", "sandbox.stripe", *where, environment=own)
    family.launch(_with_health(spec, port=port, path="/health"))
    secret_key = state.secret("stripe-key", prefix="sk_test_")
    return {
        "STRIPE_API_KEY": secret_key,
        # Keys of one account end alike: with another ending the browser's card finds no intent.
        "STRIPE_PUBLISHABLE_KEY": secret_key.replace("sk_test_", "pk_test_", 1),
        "STRIPE_API_BASE": origin,
        "STRIPE_JS_URL": f"{origin}/v3/",
        "STRIPE_FRAME_SOURCES": origin,
    }


def launch_autotask_standin(family: Family, environment: dict[str, str]) -> dict[str, str]:
    """Launches Autotask's stand-in unless its address is set; returns the variable for it."""
    if "AUTOTASK_BASE_URL" in environment:
        return {}
    state = family.state
    port = state.port("autotask")
    where = ["--port", str(port), "--state", str(state.directory / "autotask.json")]
    spec = _spec(
        state, "autotask", "Autotask stand-in", "sandbox.autotask", *where, environment=environment
    )
    family.launch(_with_health(spec, port=port, path="/health"))
    return {"AUTOTASK_BASE_URL": f"http://127.0.0.1:{port}/atservicesrest"}


def launch_worker_and_beat(family: Family, environment: dict[str, str]) -> None:
    """Launches the Celery worker and the schedule; both wait by themselves for the broker."""
    state = family.state
    # Gossip and mingle are for fleets of workers; without them the start is a second faster.
    worker = [
        "worker",
        "--concurrency=2",
        "--without-gossip",
        "--without-mingle",
        "--loglevel=INFO",
    ]
    beat = [
        "beat",
        f"--schedule={state.directory / 'beat-schedule'}",
        "--pidfile=",
        "--loglevel=INFO",
    ]
    for name, label, arguments in (("worker", "Worker", worker), ("beat", "Schedule", beat)):
        family.launch(
            _spec(state, name, label, "celery", "-A", "mtp", *arguments, environment=environment)
        )


def launch_web(family: Family, environment: dict[str, str], listener: socket.socket) -> None:
    """Launches the web server.

    It inherits the listening socket, so the port is ours before, between and after its restarts.
    """
    number = listener.fileno()
    spec = _spec(
        family.state, "web", "Web server", "gunicorn", "mtp.wsgi", f"--bind=fd://{number}",
        environment=environment,
    )  # fmt: skip
    port = int(listener.getsockname()[1])
    family.launch(replace(_with_health(spec, port=port, path="/health/"), pass_fds=(number,)))
