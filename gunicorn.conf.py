"""Settings of the web server, which `gunicorn mtp.wsgi` reads from the working directory."""

import os

worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "4"))
accesslog = "-"
# Seconds that requests under way get at a stop; docker-compose.yml waits for longer.
graceful_timeout = 30
# Restart workers, because a connection keeps the catalog of every schema that it has used.
max_requests = 5_000
max_requests_jitter = 500
control_socket_disable = True
# Load the app once before forking: half the time to the first page, and shared memory.
preload_app = True
