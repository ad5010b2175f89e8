"""The portal of the crash proof: PostgreSQL, Valkey, the web server, all workers, the beat, the
Stripe stand-in and a mail server, each a process that can be killed.

An hour of an outage lasts a minute here: services that do not answer are tried again after a second
instead of a minute (`OUTSIDE_PAUSE_SECONDS`), and `hasten` brings the due times of messages
forward by a minute for each second.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import psycopg

from mtp import workers
from mtp.supervisor import product
from mtp.supervisor.account import service_account
from mtp.supervisor.binaries import find_binaries
from mtp.supervisor.ports import any_free_port, listening_socket
from mtp.supervisor.postgres import start_postgres
from mtp.supervisor.process_group import ProcessGroup, Program
from mtp.supervisor.processes import await_end, start_process, wait_until
from mtp.supervisor.state import CHECKOUT
from mtp.supervisor.valkey import start_valkey
from tests.proofs.crash_clients import Plan, Seen
from tests.sandbox_fixtures import CONTROL_KEY

# The shortest that production takes, so that what a killed worker held is soon free.
LEASE_SECONDS = 60
DATABASE, CACHE, STRIPE, MAIL = "postgres", "valkey", "stripe", "mail"
# Of a stand-in that is started here, in place of those that surround the proof.
STRIPE_SETTINGS = frozenset(
    {"STRIPE_API_KEY", "STRIPE_PUBLISHABLE_KEY", "STRIPE_API_BASE", "STRIPE_JS_URL"}
)
CLIENTS = "from tests.proofs.crash_clients import main; main()"
HASTEN = """
    UPDATE outbox_outboxmessage SET due_at = due_at - interval '1 minute'
    WHERE finished_at IS NULL AND dead_at IS NULL AND leased_until IS NULL AND due_at > now()
"""


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/live").status_code == HTTPStatus.OK
    except httpx.HTTPError:
        return False


class Portal:
    """The processes. `whole`: Stripe, a worker for each pool and a beat; otherwise one worker."""

    def __init__(self, group: ProcessGroup, *, whole: bool) -> None:
        self.group = group
        self.whole = whole
        self.place = group.state.directory
        binaries = find_binaries(
            checkout=CHECKOUT, base=group.state.base, account=service_account()
        )
        account = service_account()
        port = any_free_port()
        listener = listening_socket(0)
        assert listener is not None
        self.listener = listener
        self.urls = [f"http://127.0.0.1:{listener.getsockname()[1]}"]
        self.mails = self.place / "mails"
        self.started: dict[str, int] = {}
        not_ours = STRIPE_SETTINGS if whole else frozenset()
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in not_ours},
            "DATABASE_URL": start_postgres(group, binaries=binaries, account=account),
            "REDIS_URL": start_valkey(group, binaries=binaries, account=account),
            "EMAIL_URL": f"smtp://127.0.0.1:{port}",
            "SITE_URL": self.urls[0],
            # Not "test": its clock lets usage of any month in.
            "MTP_ENVIRONMENT": "development",
            "OUTSIDE_FAILURES": "3",
            "OUTSIDE_PAUSE_SECONDS": "1",
            "OUTBOX_LEASE_SECONDS": str(LEASE_SECONDS),
            "API_REQUESTS_PER_MINUTE": "1000000",
            "STRIPE_WEBHOOK_SECRET": "whsec_proof",
            "STANDIN_CONTROL_KEY": CONTROL_KEY["Stand-In-Key"],
        }
        self._start_mail_server(port)
        if whole:
            self.environment |= product.launch_stripe_standin(group, self.environment)
            group.wait_for(STRIPE)

    def _start_mail_server(self, port: int) -> None:
        arguments = ["-m", "tests.smtp_receiver", "--port", str(port), "--file", str(self.mails)]
        self.group.launch(self._program(MAIL, arguments, self.environment))

    def _program(self, name: str, arguments: list[str], environment: dict[str, str]) -> Program:
        return Program(
            name=name,
            label=name,
            arguments=[sys.executable, *arguments],
            environment=environment,
            directory=CHECKOUT,
        )

    def start_product(self, **more: str) -> None:
        """Start the web server and the workers, with further variables; the beat too."""
        environment = self.environment | more
        product.launch_web(self.group, environment, self.listener)
        if self.whole:
            product.launch_workers_and_beat(self.group, environment)
        else:
            queues = [queue for pool in workers.POOLS.values() for queue in pool.queues]
            schedule = f"--schedule={self.place / 'beat-schedule'}"
            arguments = ["-m", "celery", "-A", "mtp", "worker", "--beat", schedule]
            arguments += [f"--queues={','.join(queues)}", "--concurrency=1", "--loglevel=INFO"]
            self.group.launch(self._program("worker", arguments, environment))
        self.group.wait_for("web")
        self.started = self.product_pids()

    def await_answers(self) -> None:
        """Return when each web server answers. Raises AssertionError after a minute."""
        for url in self.urls:
            assert wait_until(lambda url=url: _answers(url), seconds=60), url

    @property
    def beat_log(self) -> str:
        """The name of the beat's log."""
        return "beat.log" if self.whole else "worker.log"

    @property
    def product_names(self) -> list[str]:
        """The names of the portal's processes."""
        return [name for name in self.group.children if name.startswith(("web", "worker", "beat"))]

    def product_pids(self) -> dict[str, int]:
        """Their process ids; 0 of one that has ended."""
        children = {name: self.group.children[name].process for name in self.product_names}
        return {
            name: 0 if process.poll() is not None else process.pid
            for name, process in children.items()
        }

    def stop_product(self) -> None:
        """Stop the web server, the workers and the beat."""
        children = [self.group.children.pop(name) for name in self.product_names]
        for child in children:
            child.process.send_signal(signal.SIGTERM)
        for child in children:
            await_end(child.process, grace_seconds=30)

    def kill(self, name: str, *, number: int = signal.SIGKILL) -> None:
        """End a service as a crash does, or by another signal; returns when it has ended."""
        process = self.group.children[name].process
        process.send_signal(number)
        process.wait()

    def freeze(self, name: str, *, seconds: float) -> None:
        """Stop a service so that it accepts connections and does not answer; for so long."""
        self.group.children[name].process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)

    def kill_backend(self, dice: Any) -> None:
        """Kill one server process of PostgreSQL, which then restarts all of them automatically."""
        pid = self.group.children[DATABASE].process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        os.kill(int(dice.choice(children)), signal.SIGKILL)

    def restart(self, name: str) -> float:
        """Start a service again as the supervisor does; returns the instant when it is ready."""
        self.group.start(self.group.children[name].program)
        return time.monotonic()

    def database(self) -> psycopg.Connection[Any]:
        """A connection of the proof."""
        return psycopg.connect(self.environment["DATABASE_URL"], autocommit=True)

    def hasten(self) -> None:
        """Bring due times of messages that wait forward by a minute."""
        with self.database() as connection:
            connection.execute(HASTEN)

    def received(self) -> list[dict[str, Any]]:
        """The mails that the mail server took."""
        if not self.mails.exists():
            return []
        return [json.loads(line) for line in self.mails.read_text().splitlines()]

    @contextmanager
    def load(self, plan: Plan) -> Iterator[Seen]:
        """Run the clients during the block; what they saw is known after it."""
        place = self.place / f"clients-{plan.seed}"
        place.mkdir()
        (place / "plan").write_text(json.dumps(asdict(plan)))
        log = self.group.state.logs / "clients.log"
        with log.open("ab") as output:
            process = start_process(
                [sys.executable, "-c", CLIENTS, str(place / "plan")],
                environment=dict(os.environ),
                directory=CHECKOUT,
                output=output,
            )
        seen = Seen()
        try:
            yield seen
            (place / "stop").touch()
            process.wait(timeout=200)
            found = json.loads((place / "seen").read_text())
            for name, value in found.items():
                setattr(seen, name, value)
        finally:
            process.kill()
            process.wait()

    def queued(self) -> dict[str, int]:
        """How many tasks wait in each queue of the broker."""
        import redis

        with redis.Redis.from_url(self.environment["REDIS_URL"]) as broker:
            queues = [queue for pool in workers.POOLS.values() for queue in pool.queues]
            return {queue: int(broker.llen(queue)) for queue in queues}
