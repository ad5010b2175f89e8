"""A process of the pool `documents`, for `bench_drain`.

    python -m tests.benchmarks.drain_worker alone|drain PART SCHEMA…

`alone` renders and stores the documents of every second invoice of these schemas; `drain` delivers
outbox messages of the lane until none is due. Prints the seconds of CPU and of time that it took,
without the imports and a first document.
"""

import logging
import os
import sys
import time

import django
from django.utils import timezone

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mtp.settings")


def alone(part: int, schemas: list[str]) -> None:
    """Render the documents as the handler does, without the outbox."""
    from billing.documents.store import render_documents
    from billing.models import Invoice
    from core.schema import schema_named

    for schema in schemas:
        with schema_named(schema):
            for invoice in Invoice.objects.order_by("pk")[part::2]:
                render_documents(invoice=invoice, now=timezone.now())


def drain(part: int, schemas: list[str]) -> None:
    """Deliver what is due until the lane is empty; the outbox shares it out, whatever the part."""
    from core.outbox.delivery import deliver_due
    from core.outbox.lanes import Lane
    from core.outbox.models import OutboxMessage

    pending = OutboxMessage.objects.filter(lane=Lane.DOCUMENTS, finished_at=None, dead_at=None)
    while pending.exists():
        while deliver_due(now=timezone.now(), lane=Lane.DOCUMENTS):
            pass
        # The beat wakes a worker for what is postponed.
        time.sleep(1)


if __name__ == "__main__":
    django.setup()
    # A line for each font of each document.
    logging.getLogger("weasyprint").setLevel(logging.ERROR)
    from tests.benchmarks.document_worker import SHORT, render

    render(SHORT)()
    before, began = time.process_time(), time.perf_counter()
    {"alone": alone, "drain": drain}[sys.argv[1]](int(sys.argv[2]), sys.argv[3:])
    print(time.process_time() - before, time.perf_counter() - began)
