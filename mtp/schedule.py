"""What runs by the clock; each task finds out itself what is due and catches up what was missed."""

from celery.schedules import crontab

BEAT_SCHEDULE = {
    # Expires: wake-ups that piled up while no worker ran would find nothing left to do.
    "outbox": {
        "task": "core.outbox.tasks.send_due",
        "schedule": 5.0,
        "options": {"expires": 5.0},
    },
    # What changes wakes a round by itself; this one finds what merely passed, and lost wake-ups.
    "alerts": {"task": "tenants.tasks.evaluate_all_alerts", "schedule": crontab(minute="*/10")},
    "snapshots": {"task": "usage.tasks.snapshot_due_providers", "schedule": crontab(minute=10)},
    "forecast-trials": {
        "task": "usage.tasks.backtest_forecasts",
        "schedule": crontab(hour=3, minute=50),
    },
    # After the hour's snapshots: a run follows the day it belongs to.
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
