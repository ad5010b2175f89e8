"""The project: settings, URLs, tasks' start, and what every app stands on."""

from mtp.celery import app as celery_app

__all__ = ["celery_app"]
