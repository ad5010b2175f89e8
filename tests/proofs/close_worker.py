"""The worker of the close proof: a separate process that is killed at a chosen step.

A step is a database statement, a commit, or a request to Stripe, counted before and after it. A
kill before a commit must leave nothing of the transaction, a kill after it everything.
"""

import hashlib
import os
import signal
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from multiprocessing.sharedctypes import RawArray
from typing import Any

from django.db import connection, connections
from django.test import override_settings

from accounts.models import Provider
from billing.documents import store
from billing.gateway import client as gateway
from billing.invoicing.month_close import MonthAlreadyClosed, close_month
from billing.models import InvoiceDocument
from core.months import Month
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage
from core.servers import on_server

# Minutes that exceed every postponement, up to a day, after which Stripe forgets a key.
LATER = (0, 1, 10, 60, 12 * 60, 23 * 60 + 30, 25 * 60, 27 * 60)
FAILED = 1


class Steps:
    """Counts steps in shared memory that outlives the process, and kills it at one of them."""

    def __init__(self) -> None:
        self.taken: Any = RawArray("q", 1)

    def arm(self, kill_at: int) -> None:
        """Reset the count and set the step to kill at; 0 never kills."""
        self.taken[0] = 0
        self.kill_at = kill_at

    def step(self) -> None:
        self.taken[0] += 1
        if self.taken[0] == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, action: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Call `action`, with a step before and one after."""
        self.step()
        result = action(*arguments, **named)
        self.step()
        return result


@dataclass(frozen=True)
class Task:
    """A provider's month to close and deliver, at the simulated instant `now`."""

    provider: Provider
    month: Month
    now: datetime


def start(task: Task, *, steps: Steps) -> int:
    """Start a worker; returns its process id."""
    return fork(partial(_work, task, steps=steps))


def fork(work: Callable[[], None]) -> int:
    """Start a process that calls `work`; returns its process id. It exits with 1 after an error."""
    connections.close_all()
    pid = os.fork()
    if pid:
        return pid
    code = FAILED
    try:
        connections.close_all()
        store.render_documents = _store_empty_documents
        work()
        code = 0
    except BaseException:  # noqa: BLE001 - the process ends here after any error
        traceback.print_exc()
    finally:
        os._exit(code)


def _work(task: Task, *, steps: Steps) -> None:
    gateway.call = partial(steps.around, gateway.call)
    connection.ensure_connection()
    connection._commit = partial(steps.around, connection._commit)  # noqa: SLF001 - the commit itself
    with (
        connection.execute_wrapper(steps.around),
        override_settings(EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend"),
    ):
        close_and_deliver(task)


def close_and_deliver(task: Task, *, minutes: Sequence[int] = LATER) -> None:
    """Close the month, then deliver due messages at these minutes after the task's instant."""
    with suppress(MonthAlreadyClosed):
        close_month(provider=task.provider, month=task.month, now=task.now)
    with on_server(task.provider.server):
        for later in minutes:
            while deliver_due(
                now=task.now + timedelta(minutes=later), schema=task.provider.schema_name
            ):
                pass


def _store_empty_documents(*, invoice: Any, now: datetime) -> None:
    """Replaces rendering, which would take most of the time and is tested elsewhere."""
    for document_format in InvoiceDocument.Format:
        InvoiceDocument.objects.get_or_create(
            invoice=invoice,
            format=document_format,
            defaults={
                "content": b"%PDF-",
                "sha256": hashlib.sha256(b"%PDF-").hexdigest(),
                "rendered_at": now,
            },
        )


def release_leases(provider: Provider) -> None:
    """Release the leases of killed workers, as their expiry does."""
    with on_server(provider.server):
        OutboxMessage.objects.filter(schema_name=provider.schema_name, finished_at=None).update(
            leased_until=None
        )
