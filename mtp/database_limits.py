"""Time limits of a database connection, by the kind of process (docs/decisions/0034).

A web server waits a moment for a lock, because it has few threads. A worker waits longer and then
does other work first; commands of operations have its limits.
"""

_SECOND = 1000
LIMITS = {
    "web": {
        "lock_timeout": 2 * _SECOND,
        "statement_timeout": 30 * _SECOND,
        "idle_in_transaction_session_timeout": 60 * _SECOND,
    },
    "worker": {
        "lock_timeout": 5 * _SECOND,
        "statement_timeout": 600 * _SECOND,
        "idle_in_transaction_session_timeout": 300 * _SECOND,
    },
}
# A connection whose other side is gone ends after about half a minute.
_ALIVE = {
    "connect_timeout": 5,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30 * _SECOND,
}


# The setting by which the connections of tests move forward the clock that refuses usage in the
# future (usage/migrations/sql/0009_no_future_usage.sql).
CLOCK = "mtp.clock"


def options(process: str, *, clock: str) -> dict[str, int | str]:
    """The options of libpq for a process of this kind. Raises `KeyError` for an unknown one.

    `clock` is a day for tests; empty, it overrules a setting of the database or its role.
    """
    settings = {**LIMITS[process], CLOCK: clock}
    return {**_ALIVE, "options": " ".join(f"-c {name}={it}" for name, it in settings.items())}
