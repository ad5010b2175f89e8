"""The Autotask stand-in as a fixture: one process per session, the demo database per test."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.sandbox_fixtures import CONTROL_KEY

ROOT = Path(__file__).resolve().parent.parent
HEADERS = {
    "ApiIntegrationCode": "MTPDEMOINTEGRATIONCODE",
    "UserName": "api@autotask.example",
    "Secret": "autotask-demo-secret",
}


@dataclass
class AutotaskStandIn:
    """A running stand-in. `api` sends credentials to its zone; zone discovery starts at `url`."""

    url: str
    api: httpx.Client

    def control(self, method: str, name: str, body: Any = None) -> Any:
        """One call of the control API; fails the test if it is refused."""
        url = f"{self.url}/_control/{name}"
        answer = self.api.request(method, url, json=body, headers=CONTROL_KEY)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def fault(self, kind: str, **properties: Any) -> None:
        """Switch a fault on, for one matching request or for `times` of them."""
        self.control("POST", "faults", {"kind": kind, **properties})

    def settings(self, **changes: Any) -> None:
        """Change the stand-in's behavior until the next test."""
        self.control("PATCH", "settings", changes)

    def rows(self, entity: str) -> list[dict[str, Any]]:
        """Every row of an entity as stored; also adjustments, which the API can't query."""
        rows: list[dict[str, Any]] = self.control("GET", f"rows/{entity}")
        return rows

    def journal(self) -> list[dict[str, Any]]:
        """Every request to the API since the test began."""
        entries: list[dict[str, Any]] = self.control("GET", "requests")
        return entries

    def query(self, entity: str, *conditions: dict[str, Any], **body: Any) -> httpx.Response:
        """A query with these conditions, all of which must hold."""
        return self.api.post(f"{entity}/query", json={"Filter": list(conditions), **body})


def start_autotask_stand_in(*arguments: str) -> tuple["subprocess.Popen[str]", str]:
    """Start a stand-in on a free port. Returns its process, which the caller stops, and its URL."""
    command = [sys.executable, "-m", "sandbox.autotask", "--port", "0", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert " at http://" in line, "The Autotask stand-in did not start."
    return process, line.split()[-1]


def stop_autotask_stand_in(process: "subprocess.Popen[str]") -> None:
    """Stop a process of `start_autotask_stand_in`."""
    process.terminate()
    process.communicate(timeout=10)


@pytest.fixture(scope="session")
def autotask_address() -> Iterator[str]:
    process, address = start_autotask_stand_in()
    yield address
    stop_autotask_stand_in(process)


@pytest.fixture
def autotask_stand_in(autotask_address: str) -> Iterator[AutotaskStandIn]:
    base_url = f"{autotask_address}/zone3/ATServicesRest/V1.0/"
    # Plain HTTP; verify=False avoids loading certificates, which takes longer than most tests.
    with httpx.Client(base_url=base_url, headers=HEADERS, timeout=30, verify=False) as api:  # noqa: S501 - see above
        stand_in = AutotaskStandIn(url=autotask_address, api=api)
        stand_in.control("POST", "reset")
        yield stand_in
