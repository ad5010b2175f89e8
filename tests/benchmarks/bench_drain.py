"""Two workers drain a month's documents and mails, against the documents alone.

Each invoice has 20 lines; its PDF and CSV are rendered and stored, and it is mailed with its PDF to
an SMTP receiver. The limit is for CPU time of the workers; the time of the longest is printed too.
"""

import os
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from django.utils import timezone

from accounts.models import Provider
from billing import topics
from billing.models import InvoiceLine
from core.months import Month
from core.outbox.delivery import NewMessage, enqueue_all
from core.outbox.lanes import Lane
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tests.benchmarks.document_worker import SHORT
from tests.benchmarks.result import Result
from tests.billing.invoice_contents import invoice_with
from tests.providers import open_provider

ROOT = Path(__file__).parents[2]
LIMIT = 1.3
WORKERS = 2
INVOICES_EACH = 10
FIRST = Month(2024, 1)
END_OF_MAIL = b".\r\n"


def run(*, full: bool) -> list[Result]:
    """300 invoices of 30 providers if `full`, else 60 of 6."""
    providers = 30 if full else 6
    alone = [_filled(f"A{number}", queues=False) for number in range(providers)]
    floor, alone_for = _seconds("alone", alone, mail_port=9)
    drained = [_filled(f"D{number}", queues=True) for number in range(providers)]
    with _receiver() as received:
        measured, drained_for = _seconds("drain", drained, mail_port=received.server_address[1])
    expected = providers * INVOICES_EACH
    if received.mails != expected:
        raise RuntimeError(f"{received.mails} mails of {expected} invoices arrived.")
    # Other lanes have what other benchmarks of this run left.
    if OutboxMessage.objects.filter(lane=Lane.DOCUMENTS, finished_at=None).exists():
        raise RuntimeError("A message is not delivered.")
    name = f"{expected}_documents_and_mails_by_{WORKERS}_workers_to_the_documents_alone"
    return [
        Result(f"cpu_of_{name}", measured, floor, "s", LIMIT),
        Result(f"time_of_{name}", drained_for, alone_for, "s"),
    ]


def _seconds(what: str, providers: list[Provider], *, mail_port: int) -> tuple[float, float]:
    """Seconds of CPU of all workers, and the time of the longest."""
    workers = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.benchmarks.drain_worker", what, str(part)),
                *(provider.schema_name for provider in providers),
            ],
            cwd=ROOT,
            env={**os.environ, "EMAIL_URL": f"smtp://127.0.0.1:{mail_port}"},
            stdout=subprocess.PIPE,
            text=True,
        )
        for part in range(WORKERS)
    ]
    try:
        printed = [worker.communicate(timeout=1800)[0] for worker in workers]
        cpu, times = zip(
            *(map(float, text.splitlines()[-1].split()) for text in printed), strict=True
        )
        return sum(cpu), max(times)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def _filled(prefix: str, *, queues: bool) -> Provider:
    """A provider with an invoice of each of some months, queued as at their issue or not."""
    provider = open_provider(canary=prefix, prefix=prefix)
    with provider_schema(provider):
        for number in range(INVOICES_EACH):
            invoice, lines = invoice_with(
                count=SHORT,
                names=(),
                number=f"{prefix}-{number:06d}",
                month=FIRST.plus(months=number).first_day,
                issued_at=datetime(2026, 11, 1, tzinfo=UTC),
                buyer={"name": provider.name, "emails": ["billing@bench.example"]},
            )
            invoice.save()
            InvoiceLine.objects.bulk_create(lines)
            if queues:
                about = (f"invoice:{invoice.pk}", {"invoice_id": invoice.pk})
                enqueue_all(
                    messages=[
                        NewMessage(topic, *about)
                        for topic in (topics.DOCUMENTS, topics.INVOICE_MAIL)
                    ],
                    now=timezone.now(),
                )
    return provider


class _Mailbox(socketserver.StreamRequestHandler):
    """An SMTP session that accepts everything."""

    server: "_Receiver"

    def handle(self) -> None:
        self.wfile.write(b"220 bench\r\n")
        for line in self.rfile:
            verb = line[:4].upper().strip()
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                while self.rfile.readline() != END_OF_MAIL:
                    pass
                self.server.count()
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
            if verb == b"QUIT":
                return


class _Receiver(socketserver.ThreadingTCPServer):
    """Counts the mails that it received."""

    daemon_threads = True
    mails = 0
    lock = threading.Lock()

    def count(self) -> None:
        with self.lock:
            self.mails += 1


@contextmanager
def _receiver() -> Iterator[_Receiver]:
    with _Receiver(("127.0.0.1", 0), _Mailbox) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
