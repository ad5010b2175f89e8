"""The schedule. Each task looks up what is due, so it also does the work of missed runs."""

from collections.abc import Iterable
from typing import Any

from celery.schedules import crontab

from core.outbox.lanes import Lane

TASKS = {
    # Alerts, snapshots, dunning and reminders: changed and due providers only (decision 0044).
    # Changes trigger an evaluation at once. This one covers dates that pass and lost triggers.
    "tenants.tasks.evaluate_all_alerts": crontab(minute="*/10"),
    "usage.tasks.snapshot_due_providers": crontab(minute=5),
    # After the snapshots of the same hour, so that the month's last day is recorded before.
    "billing.tasks.close_due_months": crontab(minute=10),
    "accounts.tasks.watch_migrations": crontab(),
    "billing.tasks.update_all_dunning": crontab(minute=20),
    # After the snapshots of the same hour, because a sync follows the day that they record.
    "integrations.tasks.sync_due_providers": crontab(minute=25),
    "accounts.tasks.keep_ids": crontab(hour=2, minute=30),
    # For a seventh of all providers each night: the rounds above look at due ones only.
    "accounts.tasks.check_all_for_missed": crontab(hour=2, minute=45),
    # After the hourly rounds whose work it proves.
    "billing.tasks.check_all_promises": crontab(minute=40),
    "mtp.retention.tasks.prune_all": crontab(hour=3, minute=20),
    "usage.tasks.backtest_forecasts": crontab(hour=3, minute=50),
    "billing.tasks.reconcile_all": crontab(hour=4, minute=40),
    "billing.tasks.send_all_reminders": crontab(hour=8, minute=30),
}


def _outbox(*server: int) -> dict[str, Any]:
    # Expires, because the first of many queued wake-ups delivers all messages. The instant is the
    # beat's: a worker whose clock is a minute ahead of it would take none.
    return {
        " ".join(["outbox", lane, *map(str, server)]): {
            "task": "core.outbox.tasks.send_due",
            "args": [lane.value, *server],
            "schedule": 5.0,
            "options": {"expires": 60.0, "queue": lane.value},
        }
        for lane in Lane
    }


BEAT_SCHEDULE: dict[str, Any] = {
    **_outbox(),
    "watch": {
        "task": "core.operations.tasks.watch",
        "schedule": 30.0,
        "options": {"expires": 60.0, "queue": Lane.PEOPLE.value},
    },
    **{task: {"task": task, "schedule": times} for task, times in TASKS.items()},
}


def schedule_of(servers: Iterable[int]) -> dict[str, Any]:
    """The schedule with the outboxes of these database servers besides the directory."""
    schedule = dict(BEAT_SCHEDULE)
    for server in servers:
        schedule |= _outbox(server)
    return schedule
