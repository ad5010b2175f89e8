"""The HTTP side: keep-alive connections, a thread each."""

import json
import logging
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from sandbox import guard
from sandbox.stripe import control, pages
from sandbox.stripe.api import VERSION_HEADERS, Answer, Api, Request
from sandbox.stripe.control import Control
from sandbox.stripe.errors import internal

LARGEST_BODY = 1_000_000
# What Stripe's script sends from the portal's pages; all else comes from frames of the stand-in.
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "authorization",
    "Access-Control-Max-Age": "300",
}
log = logging.getLogger("sandbox.stripe")


def refused(reason: str) -> bytes:
    """The body of a refusal before the API."""
    return json.dumps({"error": {"message": reason, "type": "invalid_request_error"}}).encode()


class Server(ThreadingHTTPServer):
    """Answers for one stand-in."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], *, api: Api, control: Control) -> None:
        super().__init__(address, Handler)
        self.api = api
        self.control = control
        self.guard = control.guard

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Ignore clients that closed the connection."""
        log.debug("a connection from %s ended early", client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    # One packet per answer: without these, Nagle's algorithm adds 40 ms to each.
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 120
    server: Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing per request; the control API counts them."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Also a request that isn't HTTP gets JSON."""
        body = {"error": {"message": message or explain or "Bad request", "type": "api_error"}}
        self.close_connection = True
        self._send(Answer(code, json.dumps(body).encode()))

    def do_GET(self) -> None:
        """Every method alike."""
        self._respond()

    do_POST = do_DELETE = do_OPTIONS = do_HEAD = do_GET  # noqa: N815 - the base class's names

    def _respond(self) -> None:
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            length = -1
        if not 0 <= length <= LARGEST_BODY or self.headers.get("Transfer-Encoding"):
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Unreadable or too large a body")
            return
        body = self.rfile.read(length)
        try:
            answer = self._answer(body)
        except Exception:
            log.exception("%s %s failed", self.command, self.path)
            answer = Answer(500, json.dumps(internal().body(request_id="req_none")).encode())
        if answer.silent:
            time.sleep(answer.hang)
            self.close_connection = True
            return
        self._send(answer)

    def _answer(self, body: bytes) -> Answer:
        address = urlsplit(self.path)
        refusal = self.server.guard.refusal(address.path, self.headers)
        if refusal is not None:
            return Answer(403, refused(refusal))
        if self.command == "OPTIONS":
            return Answer(204, b"", dict(PREFLIGHT))
        if address.path == "/health":
            return Answer(200, b'{"status":"ok"}')
        if address.path.startswith(guard.CONTROL):
            return control.answer(
                self.server.control, self.command, address.path, address.query, body
            )
        origin = f"http://{self.headers.get('Host', 'localhost')}"
        if address.path.startswith("/v3/"):
            return pages.answer(
                self.server.control, self.command, address.path, body, origin=origin
            )
        try:
            form = body.decode() if self.command == "POST" else address.query
        except UnicodeDecodeError:
            form = "%ff"
        answer = self.server.api.answer(
            Request(
                method=self.command,
                path=address.path,
                form=form,
                headers=self.headers,
                origin=origin,
            )
        )
        answer.headers.update(VERSION_HEADERS)
        self.server.control.deliveries.wake()
        return answer

    def _send(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(answer.body)),
            "Cache-Control": "no-cache, no-store",
            "Date": self.date_time_string(),
            **answer.headers,
        }
        origin = self.headers.get("Origin") if hasattr(self, "headers") else None
        if self.server.guard.is_portal(origin):
            headers |= {"Access-Control-Allow-Origin": str(origin), "Vary": "Origin"}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        self.wfile.flush()
