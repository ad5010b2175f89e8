"""The watch of the database servers: one that is away, or a copy that falls behind, is an alert."""

from datetime import datetime

from django.db import connection

from core.operations.alerts import Cause, found_everywhere
from core.operations.kinds import alert_kind
from core.servers import from_each_server, has_many, servers

AWAY = alert_kind("operations.database_away", title="A database server does not answer")
BEHIND = alert_kind("operations.copies_behind", title="Copies of shared tables fall behind")

# Megabytes of changes that a subscriber has not confirmed.
MOST_BEHIND = 64
_BEHIND = """
    SELECT slot_name, active, pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn) / 2^20
    FROM pg_replication_slots
    WHERE slot_name LIKE 'mtp\\_%%' AND database = current_database()
        AND (NOT active
            OR pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn) > %(most)s * 2^20)
"""


def watch_servers(*, now: datetime) -> None:
    """Open an alert for each server that does not answer and each copy that falls behind.

    Settles those of servers that answer again. Without another server it does nothing.
    """
    if not has_many():
        return
    answers = from_each_server(_behind)
    away = [
        Cause(
            key=f"server{server}",
            summary=f"Database server {server} does not answer. Pages of its providers answer 503, "
            "and their work waits; other providers are not affected.",
            next_step="Start it again, or fail over to its standby. Nothing has to be repeated.",
        )
        for server in servers()
        if server not in answers
    ]
    behind = [
        Cause(
            key=slot,
            summary=f"{slot} on server {server} is {megabytes:,.0f} MB behind"
            + ("." if active else " and not connected."),
            next_step="Read the PostgreSQL log of the subscriber. Until it follows, the publisher "
            "keeps these changes on its disk (docs/runbook.md).",
        )
        for server, slots in answers.items()
        for slot, active, megabytes in slots
    ]
    found_everywhere(kind=AWAY, causes={"": away}, now=now)
    found_everywhere(kind=BEHIND, causes={"": behind}, now=now)


def _behind() -> list[tuple[str, bool, float]]:
    with connection.cursor() as cursor:
        cursor.execute(_BEHIND, {"most": MOST_BEHIND})
        return list(cursor.fetchall())
