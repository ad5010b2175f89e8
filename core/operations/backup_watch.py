"""The watch of the whole backup: that someone receives PostgreSQL's write-ahead log."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db import connection

from core.operations.alerts import Cause, found_everywhere
from core.operations.kinds import alert_kind
from core.servers import DIRECTORY, from_each_server, has_many

# Of deploy/barman/barman.conf.
SLOT = "barman"
# An update of the backup's machine takes minutes.
LONGEST_ABSENCE = timedelta(minutes=10)
BACKUP_AWAY = alert_kind("operations.backup_away", title="The backup receives nothing")
MEND = (
    "Start the service `barman` and read its log. After it was away for too long, "
    "`barman receive-wal --reset mtp`, then `barman backup --wait mtp`."
)

SLOT_STATE = """
    SELECT wal_status = 'lost',
        CASE WHEN active THEN interval '0' ELSE %(now)s - coalesce(inactive_since, %(now)s) END
    FROM pg_replication_slots WHERE slot_name = %(slot)s
"""


@dataclass(frozen=True, slots=True)
class BackupSlot:
    """The place of the backup in the log: lost if the server has removed what it did not receive.

    `absent` is for how long the log has not been received.
    """

    is_lost: bool
    absent: timedelta

    @property
    def fault(self) -> str:
        """What is wrong with the backup, in a sentence; empty if nothing is."""
        if self.is_lost:
            return "The backup was away for so long that a part of the log is missing in it."
        if self.absent > LONGEST_ABSENCE:
            minutes = self.absent // timedelta(minutes=1)
            return f"The backup has not received the log for {minutes:,} minutes."
        return ""


def backup_slot(*, now: datetime) -> BackupSlot | None:
    """The backup's slot; None where no backup was set up."""
    with connection.cursor() as cursor:
        cursor.execute(SLOT_STATE, {"now": now, "slot": SLOT})
        row = cursor.fetchone()
    return BackupSlot(bool(row[0]), row[1]) if row else None


def watch_backup(*, now: datetime) -> None:
    """Open an alert while a server's backup receives nothing, and settle it afterwards."""
    slots = from_each_server(partial(backup_slot, now=now))
    causes = [
        Cause(
            SLOT if server == DIRECTORY else f"{SLOT} {server}", f"{slot.fault}{_at(server)}", MEND
        )
        for server, slot in slots.items()
        if slot and slot.fault
    ]
    found_everywhere(kind=BACKUP_AWAY, causes={"": causes}, now=now)


def _at(server: int) -> str:
    return f" It is that of database server {server}." if has_many() else ""
