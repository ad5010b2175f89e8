"""Two web servers and two workers on machines of their own: each has a network namespace.

They share PostgreSQL, Redis, Stripe and the mail server, which each reaches through a line at its
own gateway, and nothing else that matters. One web server and one worker are killed with everything
on their machine; a client whose connection is dropped asks the other web server, as a proxy does.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from mtp import workers
from mtp.supervisor.process_group import Program
from mtp.supervisor.state import CHECKOUT
from tests.held_locks import Line
from tests.proofs.crash_stage import Portal

HOSTS = ("web-1", "web-2", "worker-1", "worker-2")
PORT = 8000
SERVICES = ("DATABASE_URL", "REDIS_URL", "EMAIL_URL", "STRIPE_API_BASE")
SECONDS = 6.0


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout


@dataclass
class Host:
    """A machine: a namespace with a link to a gateway on this one."""

    name: str
    number: int
    lines: list[Line] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.namespace = f"mtp{os.getpid()}-{self.name}"
        subnet = f"10.{64 + os.getpid() % 128}.{self.number}"
        self.gateway, self.address = f"{subnet}.1", f"{subnet}.2"

    def connect(self) -> None:
        """Make the namespace and its link."""
        outer, inner = f"mtp{os.getpid() % 100_000}o{self.number}", f"i{self.number}"
        _ip("netns", "add", self.namespace)
        _ip(*("link", "add", outer, "type", "veth", "peer", "name", inner), "netns", self.namespace)
        _ip("addr", "add", f"{self.gateway}/24", "dev", outer)
        _ip("link", "set", outer, "up")
        inside = ("-n", self.namespace)
        _ip(*inside, "addr", "add", f"{self.address}/24", "dev", inner)
        for link in ("lo", inner):
            _ip(*inside, "link", "set", link, "up")

    def environment(self, portal: Portal) -> dict[str, str]:
        """The portal's environment, with each service at the gateway."""
        found = dict(portal.environment)
        for name in SERVICES:
            at = urlsplit(found[name])
            assert at.hostname
            assert at.port
            line = Line(to=(at.hostname, at.port), port=0, host=self.gateway)
            line.connect()
            self.lines.append(line)
            here = f"{at.hostname}:{at.port}"
            found[name] = found[name].replace(here, f"{self.gateway}:{line.port}")
        return found | {"ALLOWED_HOSTS": f"{self.address},127.0.0.1"}

    def program(self, portal: Portal, *arguments: str) -> Program:
        """`python -m ARGUMENTS` on this machine."""
        return Program(
            name=self.name,
            label=self.name,
            arguments=[
                *("ip", "netns", "exec", self.namespace),
                *(sys.executable, "-m", *arguments),
            ],
            environment=self.environment(portal),
            directory=CHECKOUT,
        )

    def die(self) -> None:
        """Kill everything that runs on this machine, at once."""
        for pid in _ip("netns", "pids", self.namespace).split():
            os.kill(int(pid), signal.SIGKILL)

    def remove(self) -> None:
        """Remove the namespace and the link."""
        for line in self.lines:
            line.cut()
        subprocess.run(["ip", "netns", "del", self.namespace], check=False, capture_output=True)


@contextmanager
def _hosts() -> Iterator[dict[str, Host]]:
    with ExitStack() as ends:
        hosts = {name: Host(name, number) for number, name in enumerate(HOSTS)}
        for host in hosts.values():
            ends.callback(host.remove)
            host.connect()
        yield hosts


def many_hosts(proof: Any) -> str:
    """Run the portal on four machines and kill two; returns why this is skipped, if it is."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        return "needs root and iproute2, to make network namespaces"
    portal = proof.portal
    alone = portal.urls
    try:
        with _hosts() as hosts:
            portal.stop_product()
            _start(portal, hosts)
            proof.loaded(lambda: _kill_two(proof, hosts))
            portal.stop_product()
    except subprocess.CalledProcessError as error:
        return f"network namespaces can't be made: {error.stderr.strip()}"
    portal.urls = alone
    portal.start_product()
    return ""


def _start(portal: Portal, hosts: dict[str, Host]) -> None:
    queues = [queue for pool in workers.POOLS.values() for queue in pool.queues]
    chosen = [f"--queues={','.join(queues)}", "--concurrency=2", "--without-gossip"]
    for name, host in hosts.items():
        if name.startswith("web"):
            arguments = ["gunicorn", "mtp.wsgi", f"--bind={host.address}:{PORT}"]
        else:
            arguments = ["celery", "-A", "mtp", "worker", f"--hostname={name}", *chosen]
            if name == "worker-2":
                arguments += ["--beat", f"--schedule={portal.place / 'beat-of-hosts'}"]
        portal.group.launch(host.program(portal, *arguments))
    portal.urls = [
        f"http://{host.address}:{PORT}" for name, host in hosts.items() if name.startswith("web")
    ]
    portal.await_answers()
    portal.started = portal.product_pids()


def _kill_two(proof: Any, hosts: dict[str, Host]) -> list[float]:
    time.sleep(SECONDS)
    for name in ("web-1", "worker-1"):
        hosts[name].die()
        proof.run.counts["hosts_killed"] += 1
    killed = time.monotonic()
    time.sleep(SECONDS)
    ended = {name for name, pid in proof.portal.product_pids().items() if not pid}
    if ended != {"web-1", "worker-1"}:
        proof.run.violations.append(f"these ended: {sorted(ended)}")
    return [killed]
