"""The further database servers: each as the first one, and the replication between them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from accounts.provisioning.server_links import DOWN, TABLE, UP, link_name
from core.operations.server_watch import MOST_BEHIND
from core.schema import connection
from core.servers import DIRECTORY, on_server, servers
from mtp.doctor import database
from mtp.doctor.findings import Finding, Look, findings_of, note, problem

PART = "Servers"
# A slot and a worker for each other server, and for backups, moves and PostgreSQL's own.
BESIDE_SERVERS = 8
COUNTED = (
    "max_wal_senders",
    "max_replication_slots",
    "max_worker_processes",
    "max_logical_replication_workers",
)
LOOKS: tuple[Look, ...] = (database.server, database.role, database.migrations, database.backup)

_OWNER = """
    SELECT rolname,
        rolsuper OR rolreplication AND pg_has_role(oid, 'pg_create_subscription', 'USAGE')
    FROM pg_roles WHERE oid = (SELECT relowner FROM pg_class WHERE oid = %s::regclass)
"""
_SUBSCRIPTION = """
    SELECT subenabled AND NOT EXISTS (
        SELECT FROM pg_subscription_rel WHERE srsubid = pg_subscription.oid AND srsubstate <> 'r')
    FROM pg_subscription WHERE subname = %s
"""
_SLOT = """
    SELECT active, pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn) / 2^20
    FROM pg_replication_slots WHERE slot_name = %s
"""
# A copied cluster has the identifier of the other one.
_CLUSTER = """
    SELECT system_identifier::text, current_database(), pg_postmaster_start_time()::text
    FROM pg_control_system()
"""


def database_servers() -> Iterator[Finding]:
    """Each server of DATABASE_SERVERS, as the first one, and whether it is connected with it."""
    further = servers()[1:]
    if not further:
        yield Finding(PART, "None: every provider is on the server of DATABASE_URL.")
        return
    yield from _of(DIRECTORY, (_settings,))
    for number in further:
        yield from _of(number, (*LOOKS, _settings, partial(_links, number)))


def _of(number: int, looks: Sequence[Look]) -> Iterator[Finding]:
    """What these find on the server, by its number; one problem if it is away."""
    address = "DATABASE_URL" if number == DIRECTORY else f"DATABASE_URL_{number}"
    next_step = f"Start server {number}, or correct {address}: host, port, role, password, name."

    def there() -> Iterator[Finding]:
        for look in looks:
            yield from look()

    with on_server(number):
        # All at once: nothing else runs while the server is entered.
        found = list(findings_of(PART, there, next_step=next_step))
    for each in found:
        yield replace(each, part=PART, text=f"{number}: {each.text}")


def _settings() -> Iterator[Finding]:
    """The settings of PostgreSQL, and the rights of the owner, which replication needs."""
    wanted = len(servers()) + BESIDE_SERVERS
    if _setting("wal_level") != "logical":
        yield problem(
            PART,
            f"wal_level is {_setting('wal_level')}: nothing is replicated to other servers.",
            "Set wal_level = logical and restart the server.",
        )
    few = [name for name in COUNTED if int(_setting(name)) < wanted]
    if few:
        yield problem(
            PART,
            f"{', '.join(f'{name} is {_setting(name)}' for name in few)}: a copy or a move would "
            "wait.",
            f"Set it to {wanted} or more and restart the server (docs/scaling.md).",
        )
    if _setting("max_slot_wal_keep_size") == "-1":
        yield note(
            PART,
            "max_slot_wal_keep_size has no limit: while another server is away, the log fills the "
            "disk.",
            "Set it to what the disk can hold.",
        )
    with connection.cursor() as cursor:
        cursor.execute(_OWNER, [f"public.{TABLE}"])
        owner, may_replicate = cursor.fetchone()
    if not may_replicate:
        yield problem(
            PART,
            f"{owner} may not replicate: releases and moves would fail.",
            "Run deploy/postgres/roles.sql there, with DATABASE_SERVERS set.",
        )


def _setting(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT setting FROM pg_settings WHERE name = %s", [name])
        return str(cursor.fetchone()[0])


def _links(number: int) -> Iterator[Finding]:
    """Whether the table of providers is sent both ways; entered is the server of this number."""
    if _cluster(number) == _cluster(DIRECTORY):
        yield problem(
            PART,
            f"DATABASE_URL_{number} leads to the database of DATABASE_URL.",
            "Name another server there.",
        )
        return
    faults = []
    for name, receiver, sender in (
        (link_name(DOWN, number), number, DIRECTORY),
        (link_name(UP, number), DIRECTORY, number),
    ):
        way = f"from server {sender} to {receiver}"
        follows = _row(receiver, _SUBSCRIPTION, name)
        slot = _row(sender, _SLOT, name)
        if follows is None or slot is None:
            faults.append(f"The table of providers is not sent {way} ({name}).")
        elif not follows[0] or not slot[0]:
            faults.append(f"The table of providers does not arrive {way} ({name}).")
        elif slot[1] > MOST_BEHIND:
            faults.append(f"The table of providers is {slot[1]:,.0f} MB behind {way} ({name}).")
    for fault in faults:
        yield problem(
            PART,
            fault,
            "Run manage.py migrate_providers as the owner; then read the PostgreSQL log of the "
            "server that receives.",
        )
    if not faults:
        yield Finding(PART, "The table of providers is sent both ways.")


def _row(server: int, statement: str, name: str) -> tuple[Any, ...] | None:
    with on_server(server), connection.cursor() as cursor:
        cursor.execute(statement, [name])
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row


def _cluster(server: int) -> tuple[str, ...]:
    with on_server(server), connection.cursor() as cursor:
        cursor.execute(_CLUSTER)
        row: tuple[str, ...] = cursor.fetchone()
    return row
