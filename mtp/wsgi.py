"""WSGI entry point: `gunicorn mtp.wsgi`."""

import os
from importlib import import_module

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from core.garbage import collect_seldom
from core.telemetry import reporting

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mtp.settings")
# Before the settings are read: the time limits of a web server.
os.environ["MTP_PROCESS"] = os.environ.get("MTP_PROCESS") or "web"

# Before the handler, because traces are a middleware.
reporting.start()
application = get_wsgi_application()

# After the apps are set up.
import_module("accounts.provisioning.release").refuse_a_database_of_another_release()
# The views too, before processes are forked: each would read them from disk at its first request,
# the files of another release if they were replaced meanwhile.
get_resolver().url_patterns  # noqa: B018 - imports the views
collect_seldom()
