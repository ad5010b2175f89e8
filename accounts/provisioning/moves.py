"""One move of a provider at a time, and the alert about a move that was interrupted.

A process that moves a provider to another server (`mtp.moving`) holds a lock of its session in the
directory. PostgreSQL frees the lock when the process is gone, also after a kill.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from accounts.models import Provider
from core.operations.alerts import Cause, found_everywhere
from core.operations.kinds import alert_kind
from core.schema import connection
from core.servers import DIRECTORY, on_server

INTERRUPTED = alert_kind("accounts.move_interrupted", title="A move of a provider was interrupted")

# A killed process's last statement may go on for a moment in PostgreSQL, with its lock.
WAIT_SECONDS = 10.0
_LOCK = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
_UNLOCK = "SELECT pg_advisory_unlock(hashtextextended(%s, 0))"


class MovedElsewhere(Exception):
    """Another process moves this provider."""


@contextmanager
def one_move(provider: Provider, *, wait: float = WAIT_SECONDS) -> Iterator[None]:
    """Keep other moves of the provider away during the block.

    Raises `MovedElsewhere` after `wait` seconds.
    """
    name = f"move {provider.schema_name}"
    deadline = time.monotonic() + wait
    while not _asked(_LOCK, name):
        if time.monotonic() >= deadline:
            raise MovedElsewhere(f"Another process moves {provider}.")
        time.sleep(0.1)
    try:
        yield
    finally:
        _asked(_UNLOCK, name)


def watch_moves(*, now: datetime) -> None:
    """Open an alert for each provider that stands still and that no process moves any more."""
    causes = {
        provider.schema_name: [
            Cause(
                key="interrupted",
                summary=f"{provider} answers 503, and its work waits: the command that moved it "
                "to another database server ended in the middle.",
                next_step="Run manage.py move_provider again, with the same options. It takes back "
                "what is half done and starts again (docs/scaling.md).",
            )
        ]
        for provider in Provider.objects.filter(state=Provider.State.MOVING)
        if not _is_moved_now(provider)
    }
    found_everywhere(kind=INTERRUPTED, causes=causes, now=now)


def _is_moved_now(provider: Provider) -> bool:
    try:
        with one_move(provider, wait=0):
            return False
    except MovedElsewhere:
        return True


def _asked(statement: str, name: str) -> bool:
    with on_server(DIRECTORY), connection.cursor() as cursor:
        cursor.execute(statement, [name])
        return bool(cursor.fetchone()[0])
