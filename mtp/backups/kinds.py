"""The operations alerts of a restore."""

from core.operations.kinds import alert_kind

RESTORE = alert_kind("restore", title="Restore is not finished")
RESTORE_ERASED = alert_kind(
    "restore_erased", title="Erased users active after a restore", settled_by_hand=True
)
RESTORE_MAILS = alert_kind(
    "restore_mails", title="Mails withdrawn by a restore", settled_by_hand=True
)
RESTORE_LOST = alert_kind("restore_lost", title="Documents lost by a restore", settled_by_hand=True)
