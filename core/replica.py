"""Reading a streaming replica (DATABASE_REPLICA_URL), for pages that show and never decide.

A view that may read it says so with `reads_replica`. A page reads it only if it has replayed
everything that was committed before the request: so no page shows less than its reader just did or
saw, on whatever machine, by whichever worker. Otherwise it reads the primary (docs/decisions/0045).
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, Error, InterfaceError, OperationalError, connections

from core.postgresql.addresses import REPLICA, leading_to
from core.telemetry.counters import REPLICA_READS
from core.unavailable import waited_for_lock

logger = logging.getLogger(__name__)

T = TypeVar("T")
# How long a page waits for the replica, and how often it looks.
WAIT_SECONDS = 0.2
_LOOK_SECONDS = 0.005
# After a wait in vain or an error, pages of this process don't wait, or don't try, for so long.
PAUSE_SECONDS = 5.0

# Every commit that was reported is below this position.
_COMMITTED = "SELECT pg_current_wal_flush_lsn()"
# False at a server that is no replica, which may not be that of this primary any more.
_HAS = "SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= %s::pg_lsn"
_LAG = """
    SELECT greatest(0, pg_wal_lsn_diff(%(at)s, pg_last_wal_replay_lsn()))::bigint,
        CASE WHEN pg_last_wal_replay_lsn() >= %(at)s::pg_lsn THEN 0
        ELSE coalesce(extract(epoch FROM now() - pg_last_xact_replay_timestamp()), 0) END::float8
    WHERE pg_is_in_recovery()
"""


class NoReplica(Exception):
    """DATABASE_REPLICA_URL leads to a server that is no replica."""


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the replica is behind the primary."""

    bytes_of_log: int
    seconds: float


@dataclass(slots=True)
class _Pauses:
    """Instants, of the monotonic clock, until which this process expects nothing of the replica."""

    late_until: float = 0.0
    away_until: float = 0.0


_pauses = _Pauses()


def reads_replica(view: Callable[..., T]) -> Callable[..., T]:
    """Let a view that only reads do so on the replica, below its policy and `require_safe`.

    A write in it raises the database's error where there is a replica. The view may run twice: at
    the primary too, if the replica goes away or cancels a statement.
    """

    @wraps(view)
    def reading(*args: Any, **kwargs: Any) -> T:
        if REPLICA not in connections or not _is_usable():
            return view(*args, **kwargs)
        try:
            with leading_to(REPLICA):
                answer = view(*args, **kwargs)
        except (OperationalError, InterfaceError) as error:
            if waited_for_lock(error):
                raise
            _leave_alone(error)
            return view(*args, **kwargs)
        REPLICA_READS.labels("replica").inc()
        return answer

    reading.reads_replica = True  # type: ignore[attr-defined] # a mark for tests
    return reading


def replica_lag() -> Lag | None:
    """The replica's lag now; None if there is none. Raises `NoReplica` and the database's error."""
    if REPLICA not in connections:
        return None
    row = _ask(REPLICA, _LAG, {"at": _ask(DEFAULT_DB_ALIAS, _COMMITTED)[0]})
    if row is None:
        raise NoReplica("The server of DATABASE_REPLICA_URL is no replica.")
    return Lag(*row)


def _is_usable() -> bool:
    """Whether the replica has everything that was committed until now; waits a moment for it."""
    now = time.monotonic()
    if now < _pauses.away_until:
        REPLICA_READS.labels("away").inc()
        return False
    (committed,) = _ask(DEFAULT_DB_ALIAS, _COMMITTED)
    patient_until = now + WAIT_SECONDS if now >= _pauses.late_until else now
    try:
        while not _ask(REPLICA, _HAS, [committed])[0]:
            if time.monotonic() >= patient_until:
                _pauses.late_until = time.monotonic() + PAUSE_SECONDS
                REPLICA_READS.labels("late").inc()
                return False
            time.sleep(_LOOK_SECONDS)
    except Error as error:
        _leave_alone(error)
        return False
    return True


def _leave_alone(error: Error) -> None:
    logger.warning("The replica does not answer; pages read the primary.", exc_info=error)
    _pauses.away_until = time.monotonic() + PAUSE_SECONDS
    REPLICA_READS.labels("away").inc()
    connections[REPLICA].close()


def _ask(alias: str, query: str, parameters: Any = None) -> Any:
    with connections[alias].cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchone()
