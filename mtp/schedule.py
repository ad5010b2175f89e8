"""The schedule. Each task looks up what is due, so it also does the work of missed runs."""

from celery.schedules import crontab

BEAT_SCHEDULE = {
    # Expires, because the first of many queued wake-ups delivers all messages.
    "outbox": {
        "task": "core.outbox.tasks.send_due",
        "schedule": 5.0,
        "options": {"expires": 5.0},
    },
    # Changes trigger an evaluation at once. This one covers dates that pass and lost triggers.
    "alerts": {"task": "tenants.tasks.evaluate_all_alerts", "schedule": crontab(minute="*/10")},
    "snapshots": {"task": "usage.tasks.snapshot_due_providers", "schedule": crontab(minute=10)},
    "forecast-trials": {
        "task": "usage.tasks.backtest_forecasts",
        "schedule": crontab(hour=3, minute=50),
    },
    # After the snapshots of the same hour, because a sync follows the day that they record.
    "psa-sync": {"task": "integrations.tasks.sync_due_providers", "schedule": crontab(minute=25)},
    "dunning": {"task": "billing.tasks.update_all_dunning", "schedule": crontab(minute=20)},
    "reconciliation": {
        "task": "billing.tasks.reconcile_all",
        "schedule": crontab(hour=4, minute=40),
    },
    "reminders": {
        "task": "billing.tasks.send_all_reminders",
        "schedule": crontab(hour=8, minute=30),
    },
    "month-close": {"task": "billing.tasks.close_due_months", "schedule": crontab(minute=5)},
}
