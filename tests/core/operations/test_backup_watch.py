"""A backup that receives nothing is an operations alert, until it is heard again.

The real slot of a real backup is read in `tests/mtp/backups/test_runbook.py`: slots belong to the
whole server, and the role of the tests may not make one.
"""

from datetime import timedelta

import pytest
from django.utils import timezone

from core.operations import backup_watch
from core.operations.backup_watch import BACKUP_AWAY, BackupSlot, watch_backup
from core.operations.models import OperationsAlert
from mtp.doctor import database
from mtp.doctor.findings import Outcome

NOW = timezone.now()
HERE = BackupSlot(is_lost=False, absent=timedelta(0))
JUST_AWAY = BackupSlot(is_lost=False, absent=timedelta(minutes=9))
AWAY = BackupSlot(is_lost=False, absent=timedelta(minutes=15))
LOST = BackupSlot(is_lost=True, absent=timedelta(0))


def open_alerts() -> list[str]:
    alerts = OperationsAlert.objects.open().filter(kind=BACKUP_AWAY)
    return list(alerts.values_list("summary", flat=True))


@pytest.mark.parametrize(
    ("slot", "said", "outcome"),
    [
        (HERE, "", Outcome.OK),
        (JUST_AWAY, "", Outcome.OK),
        (AWAY, "has not received the log for 15 minutes", Outcome.PROBLEM),
        (LOST, "a part of the log is missing", Outcome.PROBLEM),
        (None, "", Outcome.NOTE),
    ],
    ids=["here", "just away", "away", "lost", "none"],
)
def test_a_backup_that_is_away_is_an_alert_and_a_problem(
    db: None,
    monkeypatch: pytest.MonkeyPatch,
    slot: BackupSlot | None,
    said: str,
    outcome: Outcome,
) -> None:
    for module in (backup_watch, database):
        monkeypatch.setattr(module, "backup_slot", lambda **_: slot)
    watch_backup(now=NOW)
    assert [said in summary for summary in open_alerts()] == ([True] if said else [])
    assert [each.outcome for each in database.backup()] == [outcome]

    monkeypatch.setattr(backup_watch, "backup_slot", lambda **_: HERE)
    watch_backup(now=NOW)
    assert open_alerts() == []


def test_a_server_without_a_backup_has_no_slot(db: None) -> None:
    assert backup_watch.backup_slot(now=NOW) is None
