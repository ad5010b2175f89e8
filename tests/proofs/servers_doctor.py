"""What the doctor says of several servers, asked with the role of the app, as an operator does."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections

from accounts.provisioning.server_links import DOWN, UP, link_name
from core.schema import connection
from core.servers import DIRECTORY, on_server, servers
from mtp.doctor.findings import Outcome
from mtp.doctor.servers import database_servers
from tests.proofs.run import Run
from tests.proofs.servers_stage import APP, OWNER


def ask_doctor(run: Run) -> None:
    """Everything is well; then each fault in turn is named, and nothing else."""
    _expect(run, "nothing", [])
    last = servers()[-1]
    down, up = link_name(DOWN, last), link_name(UP, last)
    for name, receiver in ((down, last), (up, DIRECTORY)):
        with _changed(
            receiver,
            f"ALTER SUBSCRIPTION {name} DISABLE",
            f"ALTER SUBSCRIPTION {name} ENABLE",
        ):
            _expect(run, "a subscription that is off", [f"does not arrive from server .*{name}"])
    run.counts["doctor_asked"] += 1


def away(run: Run, number: int) -> None:
    """Only the server that is away is named."""
    found = _problems()
    if len(found) != 1 or not found[0].startswith(f"{number}: "):
        run.violations.append(f"the doctor says of a server that is away: {found}")


@contextmanager
def _changed(server: int, statement: str, back: str) -> Iterator[None]:
    with on_server(server), connection.cursor() as cursor:
        cursor.execute(statement)
    try:
        yield
    finally:
        with on_server(server), connection.cursor() as cursor:
            cursor.execute(back)


def _expect(run: Run, what: str, wanted: list[str]) -> None:
    found = _problems()
    if len(found) != len(wanted) or not all(map(re.search, wanted, found)):
        run.violations.append(f"the doctor says of {what}: {found}")


def _problems() -> list[str]:
    _become(APP)
    try:
        found = list(database_servers())
    finally:
        _become(OWNER)
    return [each.text for each in found if each.outcome is Outcome.PROBLEM]


def _become(role: str) -> None:
    connections.close_all()
    for alias in connections.settings:
        connections.settings[alias]["USER"] = role
