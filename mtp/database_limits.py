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
ALIVE = {
    "connect_timeout": 5,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30 * _SECOND,
}


# The setting by which the connections of tests move forward the clock that refuses usage in the
# future (usage/migrations/sql/0009_no_future_usage.sql).
CLOCK = "mtp.clock"


Limits = dict[str, int | str]


def limits(process: str, *, clock: str) -> Limits:
    """The settings of a connection of this kind of process. Raises `KeyError` for an unknown one.

    `clock` is a day for tests; empty, it overrules a setting of the database or its role.
    """
    return {**LIMITS[process], CLOCK: clock}


def as_options(settings: Limits) -> str:
    """The settings as libpq's `options` of a login."""
    return " ".join(f"-c {name}={value}" for name, value in settings.items())
