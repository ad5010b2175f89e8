"""The Celery app: configured by Django's settings, with the `tasks` module of each app."""

import importlib
import os
import sys

from celery import Celery

from core import broker
from core.telemetry import slots

if "worker" in sys.argv and os.environ.get("WORKER_METRICS_PORT"):
    # Before the counters are imported.
    slots.begin()

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mtp.settings")

broker.register()
# Its receivers give each line the ids of its task.
importlib.import_module("core.telemetry.tasks")
app = Celery("mtp")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# By name: these modules need the apps, which are not loaded yet.
app.steps["worker"].add("accounts.worker_step:ReleaseStep")
app.steps["worker"].add("core.operations.worker_step:HeartbeatStep")
app.steps["worker"].add("core.operations.metrics_step:MetricsStep")
