"""The worker of the close's proof: a process of its own that dies at a chosen step.

A step is a statement sent to the database, a commit, or a request to Stripe; each is counted before
it happens and after. Killed before a commit nothing of the transaction may stay, killed after it
everything must.
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
from billing import documents
from billing.gateway import client as gateway
from billing.invoicing.month_close import MonthAlreadyClosed, close_month
from billing.models import InvoiceDocument
from core.months import Month
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage

# Far past any wait: from half a minute to the day after which Stripe forgets a key.
LATER = (0, 1, 10, 60, 12 * 60, 23 * 60 + 30, 25 * 60, 27 * 60)
FAILED = 1


class Steps:
    """Counts steps in memory that outlives the process, and kills it at one of them."""

    def __init__(self) -> None:
        self.taken: Any = RawArray("q", 1)

    def arm(self, kill_at: int) -> None:
        """Start from nought; 0 never kills."""
        self.taken[0] = 0
        self.kill_at = kill_at

    def step(self) -> None:
        self.taken[0] += 1
        if self.taken[0] == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, action: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Do it, with a step before and one after."""
        self.step()
        result = action(*arguments, **named)
        self.step()
        return result


@dataclass(frozen=True)
class Task:
    """A month of a provider to be closed and delivered, at the story's instant."""

    provider: Provider
    month: Month
    now: datetime


def start(task: Task, *, steps: Steps) -> int:
    """Start a worker; its process id."""
    return fork(partial(_work, task, steps=steps))


def fork(work: Callable[[], None]) -> int:
    """Start a process that does this work and ends, by 1 where it raised; its process id."""
    connections.close_all()
    pid = os.fork()
    if pid:
        return pid
    code = FAILED
    try:
        connections.close_all()
        documents.render_documents = _quick_documents
        work()
        code = 0
    except BaseException:  # noqa: BLE001 - the process ends here, whatever it was
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
    """What the scheduler and a worker do, at these minutes after the task's instant."""
    with suppress(MonthAlreadyClosed):
        close_month(provider=task.provider, month=task.month, now=task.now)
    for later in minutes:
        while deliver_due(
            now=task.now + timedelta(minutes=later), schema=task.provider.schema_name
        ):
            pass


def _quick_documents(*, invoice: Any, now: datetime) -> None:
    """In place of rendering, which is another proof's: it only has to be there."""
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


def give_back_leases(provider: Provider) -> None:
    """What the passing of time does to the messages of a killed worker."""
    OutboxMessage.objects.filter(schema_name=provider.schema_name, finished_at=None).update(
        leased_until=None
    )
