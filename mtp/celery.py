"""The Celery app: configured by Django's settings, with the `tasks` module of each app."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mtp.settings")

app = Celery("mtp")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# By name: its module needs the apps, which are not loaded yet.
app.steps["worker"].add("core.operations.worker_step:HeartbeatStep")
