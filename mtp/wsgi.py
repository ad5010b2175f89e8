"""WSGI entry point: `gunicorn mtp.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

from core.telemetry import reporting

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mtp.settings")
# Before the settings are read: the time limits of a web server.
os.environ["MTP_PROCESS"] = os.environ.get("MTP_PROCESS") or "web"

# Before the handler, because traces are a middleware.
reporting.start()
application = get_wsgi_application()
