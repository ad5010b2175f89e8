"""The programs that make up the product: stand-ins, worker, schedule and web server."""

import http.client
import socket

from mtp import workers
from mtp.supervisor.process_group import ProcessGroup, Program
from mtp.supervisor.settings import venv_python
from mtp.supervisor.state import CHECKOUT


def _answers_http(port: int, path: str) -> bool:
    """Whether `GET path` at the loopback port is answered with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _python(
    name: str,
    label: str,
    *arguments: str,
    environment: dict[str, str],
    health: tuple[int, str] | None = None,
    pass_fds: tuple[int, ...] = (),
) -> Program:
    """`python -m ARGUMENTS` of `.venv`; `health` is the port and path that answer once it runs."""
    return Program(
        name=name,
        label=label,
        arguments=[str(venv_python()), "-m", *arguments],
        environment=environment,
        directory=CHECKOUT,
        is_ready=lambda: health is None or _answers_http(*health),
        pass_fds=pass_fds,
    )


def launch_stripe_standin(group: ProcessGroup, environment: dict[str, str]) -> dict[str, str]:
    """Launches Stripe's stand-in unless a key is set; returns the variables that point to it."""
    if "STRIPE_API_KEY" in environment:
        return {}
    state = group.state
    port = state.port("stripe")
    origin = f"http://127.0.0.1:{port}"
    own = environment | {
        "STRIPE_STANDIN_WEBHOOK_URL": f"{environment['SITE_URL']}/webhooks/stripe/",
        "STRIPE_STANDIN_WEBHOOK_SECRET": environment["STRIPE_WEBHOOK_SECRET"],
        "STRIPE_STANDIN_PORTAL_URL": environment["SITE_URL"],
    }
    where = ["--port", str(port), "--state", str(state.directory / "stripe.sqlite")]
    group.launch(
        _python(
            *("stripe", "Stripe stand-in", "sandbox.stripe", *where),
            environment=own,
            health=(port, "/health"),
        )
    )
    secret_key = state.secret("stripe-key", prefix="sk_test_")
    return {
        "STRIPE_API_KEY": secret_key,
        # Keys of one account end alike: with another ending the browser's card finds no intent.
        "STRIPE_PUBLISHABLE_KEY": secret_key.replace("sk_test_", "pk_test_", 1),
        "STRIPE_API_BASE": origin,
        "STRIPE_JS_URL": f"{origin}/v3/",
        "STRIPE_FRAME_SOURCES": origin,
    }


def launch_autotask_standin(group: ProcessGroup, environment: dict[str, str]) -> dict[str, str]:
    """Launches Autotask's stand-in unless its address is set; returns the variable for it."""
    if "AUTOTASK_BASE_URL" in environment:
        return {}
    port = group.state.port("autotask")
    where = ["--port", str(port), "--state", str(group.state.directory / "autotask.json")]
    group.launch(
        _python(
            *("autotask", "Autotask stand-in", "sandbox.autotask", *where),
            environment=environment,
            health=(port, "/health"),
        )
    )
    return {"AUTOTASK_BASE_URL": f"http://127.0.0.1:{port}/atservicesrest"}


def launch_workers_and_beat(group: ProcessGroup, environment: dict[str, str]) -> None:
    """Launches a Celery worker for each pool, and the schedule; all wait for the broker."""
    schedule = f"--schedule={group.state.directory / 'beat-schedule'}"
    programs = {"beat": ("Schedule", ["beat", schedule, "--pidfile=", "--loglevel=INFO"])}
    for pool in workers.POOLS:
        programs[f"worker-{pool}"] = (f"Worker of {pool}", workers.arguments(pool))
    for name, (label, arguments) in programs.items():
        group.launch(
            _python(name, label, "celery", "-A", "mtp", *arguments, environment=environment)
        )


def launch_web(group: ProcessGroup, environment: dict[str, str], listener: socket.socket) -> None:
    """Launches the web server.

    It inherits the listening socket, so the port is ours before, between and after its restarts.
    """
    number = listener.fileno()
    group.launch(
        _python(
            *("web", "Web server", "gunicorn", "mtp.wsgi", f"--bind=fd://{number}"),
            environment=environment,
            health=(int(listener.getsockname()[1]), "/live"),
            pass_fds=(number,),
        )
    )
