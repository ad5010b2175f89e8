"""Settings of the web server, read by `gunicorn mtp.wsgi` wherever it runs."""

import os

worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "4"))
accesslog = "-"
# A worker that touched many providers' schemas holds their catalogs in memory.
max_requests = 5_000
max_requests_jitter = 500
control_socket_disable = True
# Loaded once, before the workers: half the time to the first page, and shared memory.
preload_app = True
