"""A mail server that takes every mail: `python -m tests.smtp_receiver --port 2525 --file mails`.

It appends a line of JSON for each mail before it answers: its instant (monotonic seconds), its
Message-ID, and its recipients.
"""

import argparse
import json
import socketserver
import threading
import time
from email import message_from_bytes
from pathlib import Path

_lock = threading.Lock()


class Smtp(socketserver.StreamRequestHandler):
    """One connection."""

    file: Path

    def handle(self) -> None:
        """Answer each command until the client quits."""
        self._say("220 mail.example")
        recipients: list[str] = []
        for line in self.rfile:
            verb = line.split()[0].upper() if line.split() else b""
            if verb == b"RCPT":
                recipients.append(line.decode().partition("<")[2].partition(">")[0])
            if verb == b"DATA":
                self._say("354 Go on")
                self._take(recipients)
                recipients = []
            elif verb == b"QUIT":
                self._say("221 Bye")
                return
            self._say("250 OK")

    def _take(self, recipients: list[str]) -> None:
        lines = list(iter(self.rfile.readline, b".\r\n"))
        mail = message_from_bytes(b"".join(lines))
        taken = {"at": time.monotonic(), "id": mail["Message-ID"], "to": recipients}
        with _lock, self.file.open("a") as file:
            file.write(json.dumps(taken) + "\n")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class Server(socketserver.ThreadingTCPServer):
    """A thread for each connection."""

    daemon_threads = True
    allow_reuse_address = True


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--file", type=Path, required=True)
    arguments = parser.parse_args()
    Smtp.file = arguments.file
    with Server(("127.0.0.1", arguments.port), Smtp) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
