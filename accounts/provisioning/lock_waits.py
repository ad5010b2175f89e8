"""Short waits of migrations for locks: while one waits, all requests for the table wait behind it.

A migration that gets no lock within `LOCK_SECONDS` is rolled back and tried again after a pause, in
which the requests are answered.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import OperationalError
from psycopg.errors import LockNotAvailable

from core.schema import connection

logger = logging.getLogger(__name__)

LOCK_SECONDS = 3.0
ATTEMPTS = 10
PAUSE_SECONDS = 3.0

T = TypeVar("T")


def with_short_waits(migrate: Callable[[], T]) -> T:
    """Run `migrate`, again after each wait for a lock in vain; it continues where it was.

    Raises the error of the last attempt. Inside a transaction there is one attempt.
    """
    with _limits():
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return migrate()
            except OperationalError as error:
                waited = isinstance(error.__cause__, LockNotAvailable)
                if not waited or attempt == ATTEMPTS or connection.in_atomic_block:
                    raise
                logger.warning("A migration got no lock; attempt %s follows.", attempt + 1)
                time.sleep(PAUSE_SECONDS)
    raise AssertionError("unreachable")


@contextmanager
def _limits() -> Iterator[None]:
    """Waits for locks are short in the block, and statements may take as long as they need."""
    _set(lock_timeout=int(LOCK_SECONDS * 1000), statement_timeout=0)
    try:
        with connection.execute_wrapper(_without_limit_beside_requests):
            yield
    finally:
        if not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute("RESET lock_timeout")
                cursor.execute("RESET statement_timeout")


def _without_limit_beside_requests(
    execute: Callable[..., Any], statement: Any, parameters: Any, many: bool, context: Any
) -> Any:
    # An index that is built beside requests waits for old transactions. Interrupted, it would
    # stay in the schema, invalid.
    if "CONCURRENTLY" not in str(statement):
        return execute(statement, parameters, many, context)
    _set(lock_timeout=0)
    try:
        return execute(statement, parameters, many, context)
    finally:
        _set(lock_timeout=int(LOCK_SECONDS * 1000))


def _set(**limits: int) -> None:
    with connection.cursor() as cursor:
        for name, milliseconds in limits.items():
            cursor.execute("SELECT set_config(%s, %s, false)", [name, str(milliseconds)])
