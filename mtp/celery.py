"""Celery, configured from Django's settings; each app's `tasks` module is found by name."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mtp.settings")

app = Celery("mtp")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
