"""Celery's broker: the transports of Redis, whose loss no worker may die of.

After a connection is lost, kombu gives it up and then closes its channels. A channel with a task
that is not acknowledged asks the connection for the address of Redis once more, to put the task
back. In kombu 5.7 that raises `AttributeError`, which ends the worker. Here it is an error of the
connection: kombu ignores it there and connects again. The task is not put back. Nothing is lost,
because the outbox and the schedule find again what is due.
"""

from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis
from redis.exceptions import ConnectionError as NoConnection


class _Survives:
    """A channel of Redis that outlives its connection."""

    connection: Any

    def _connparams(self, *args: Any, **named: Any) -> Any:
        if self.connection is None or self.connection.client is None:
            raise NoConnection("The connection to the broker was given up.")
        return super()._connparams(*args, **named)  # type: ignore[misc] # of the channel


class Channel(_Survives, redis.Channel):
    """A channel to Redis."""


class Transport(redis.Transport):
    """Celery's connection to Redis."""

    Channel = Channel


class SentinelChannel(_Survives, redis.SentinelChannel):
    """A channel to the present master."""


class SentinelTransport(redis.SentinelTransport):
    """Celery's connection to the Redis that Sentinel calls the master."""

    Channel = SentinelChannel


def register() -> None:
    """Make these the transports of Redis in this process."""
    TRANSPORT_ALIASES["redis"] = "core.broker:Transport"
    TRANSPORT_ALIASES["sentinel"] = "core.broker:SentinelTransport"
