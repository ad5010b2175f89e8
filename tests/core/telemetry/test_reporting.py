"""Error reports and traces: only where their settings name a place, and without secrets."""

import gzip
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import brotli
import pytest

from tests.mtp.production_settings import COMPLETE, ROOT

DECODERS = {"": bytes, "gzip": gzip.decompress, "br": brotli.decompress}
# Production refuses Sentry without TLS.
DEVELOPMENT = {"MTP_ENVIRONMENT": "development"}
IMPORTED = (
    "import sys, mtp.wsgi\n"
    "names = 'sentry_sdk', 'opentelemetry.instrumentation'\n"
    "print([name for name in names if name in sys.modules])"
)


@pytest.fixture
def receiver() -> Iterator[tuple[int, list[tuple[str, bytes]]]]:
    """A collector: its port, and the paths and bodies that it received."""
    received: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            body = DECODERS[self.headers.get("Content-Encoding", "")](body)
            received.append((self.path, body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing per request."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1], received
    server.shutdown()
    server.server_close()


def run(script: str, **changed: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script],
        env={"PATH": os.environ["PATH"], **COMPLETE, **changed},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_nothing_is_imported_without_the_settings() -> None:
    assert run(IMPORTED).stdout == "[]\n"


def test_an_error_reaches_sentry_without_its_secrets(
    receiver: tuple[int, list[tuple[str, bytes]]],
) -> None:
    port, received = receiver
    script = (
        "import mtp.wsgi, sentry_sdk, logging\n"
        "try:\n    password = 'hunter2'; raise ValueError('sk_live_abc123 of /pay/s1gned/')\n"
        "except ValueError: logging.getLogger('billing').exception('It failed.')\n"
        "sentry_sdk.flush(timeout=20)"
    )
    ended = run(script, **DEVELOPMENT, SENTRY_DSN=f"http://public@127.0.0.1:{port}/1")
    assert ended.returncode == 0, ended.stderr
    reports = [body for path, body in received if path.startswith("/api/1/envelope")]
    text = b"".join(reports).decode()
    assert "It failed." in text
    for secret in ("hunter2", "sk_live_abc123", "s1gned"):
        assert secret not in text


def test_a_request_is_traced_to_the_collector(
    receiver: tuple[int, list[tuple[str, bytes]]],
) -> None:
    port, received = receiver
    script = (
        "import mtp.wsgi\n"
        "from django.test import Client\n"
        "client = Client(headers={'Host': 'portal.example'})\n"
        "assert client.get('/live', headers={'Host': '10.0.0.1'}).status_code == 200\n"
        "assert client.get('/pay/WyJh:s1gned/').status_code == 301\n"
        "from opentelemetry import trace\n"
        "trace.get_tracer_provider().force_flush()"
    )
    ended = run(script, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}")
    assert ended.returncode == 0, ended.stderr
    traces = b"".join(body for path, body in received if path == "/v1/traces")
    assert b"live" in traces
    assert b"/pay/[hidden]/" in traces
    assert b"s1gned" not in traces
    assert b"mtp" in traces


def test_a_package_that_is_missing_stops_nothing() -> None:
    script = "import sys\nsys.modules['sentry_sdk'] = None\n" + IMPORTED
    ended = run(script, **DEVELOPMENT, SENTRY_DSN="http://public@127.0.0.1:9/1")
    assert ended.returncode == 0
    assert "install requirements/app.txt" in ended.stderr
    assert "Traceback" not in ended.stderr
