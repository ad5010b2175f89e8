"""HTTP on loopback, with answers that faults can cut."""

import socket
import struct
import sys
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from sandbox.autotask.control import Control
from sandbox.autotask.stand_in import StandIn
from sandbox.autotask.wire import Answer, Delivery, Refused, Request, json_answer
from sandbox.guard import CONTROL, Guard

_LARGEST_BODY = 5_000_000


class Server(ThreadingHTTPServer):
    """HTTP on 127.0.0.1; port 0 takes a free one."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, stand_in: StandIn, *, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self._stand_in = stand_in
        self._control = Control(stand_in)
        self._guard = Guard()

    def respond(self, request: Request) -> tuple[Answer, Delivery]:
        """Answer any request: health, control, or the API's own."""
        refusal = self._guard.refusal(request.path, request.headers)
        if refusal is not None:
            return Refused(refusal, status=403).answer(), Delivery.WHOLE
        if request.path == "/health":
            return json_answer({"status": "ok"}), Delivery.WHOLE
        try:
            if request.path.startswith(CONTROL):
                return self._control.respond(request), Delivery.WHOLE
            return self._stand_in.respond(request)
        except Exception as defect:  # noqa: BLE001 - a dropped connection would pass for a fault
            traceback.print_exc()
            return Refused(f"The stand-in is defect: {defect!r}").answer(), Delivery.WHOLE

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that closed the connection; print every other error."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "AutotaskStandIn"
    wbufsize = 65_536
    disable_nagle_algorithm = True
    timeout = 120
    server: Server

    def _serve(self) -> None:
        try:
            request = self._read()
        except Refused as refusal:
            self.close_connection = True
            return self._send(refusal.answer(), Delivery.WHOLE)
        return self._send(*self.server.respond(request))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Print nothing: the journal has the requests."""

    def _read(self) -> Request:
        length = self.headers.get("Content-Length", "0")
        if self.headers.get("Transfer-Encoding"):
            raise Refused("A body needs a Content-Length.", status=411)
        if not length.isdecimal():
            raise Refused("The Content-Length is not a number.", status=400)
        if len(length) > 9 or int(length) > _LARGEST_BODY:
            raise Refused("The body is too large.", status=413)
        parts = urlsplit(self.path)
        return Request(
            method=self.command,
            path=parts.path,
            query=dict(parse_qsl(parts.query)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(length)),
        )

    def _send(self, answer: Answer, delivery: Delivery) -> None:
        if delivery in {Delivery.DROPPED, Delivery.RESET}:
            return self._hang_up(reset=delivery is Delivery.RESET)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers:
            self.send_header(name, value)
        self.end_headers()
        cut = delivery is Delivery.CUT
        self.wfile.write(answer.body[: len(answer.body) // 2] if cut else answer.body)
        self.close_connection = self.close_connection or cut
        return None

    def _hang_up(self, *, reset: bool) -> None:
        self.close_connection = True
        if reset:
            # Lingering zero seconds makes the close a TCP reset instead of an orderly end.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
