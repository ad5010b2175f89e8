"""The project: settings, URLs, the menu, the assembled API, Celery, and `make up`."""

from mtp.celery import app as celery_app

__all__ = ["celery_app"]
