"""A worker outlives a broker that goes away while it holds a task."""

import logging
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from kombu import Connection, Message, Producer, Queue

from core.broker import SentinelTransport, Transport
from tests.held_locks import Line

QUEUE = Queue("held", routing_key="held")


def test_these_are_the_transports_of_redis() -> None:
    for scheme, transport in (("redis", Transport), ("sentinel", SentinelTransport)):
        assert Connection(f"{scheme}://127.0.0.1:1/0").get_transport_cls() is transport


@pytest.fixture
def line() -> Iterator[Line]:
    """A line to the tests' Redis."""
    at = urlsplit(settings.REDIS_URL)
    line = Line(to=(at.hostname or "", at.port or 0), port=0)
    line.connect()
    yield line
    line.cut()


def test_a_connection_is_given_up_without_an_error_while_a_task_is_in_hand(line: Line) -> None:
    before, at, _ = settings.REDIS_URL.rpartition("@")
    connection = Connection(f"{before}{at}127.0.0.1:{line.port}/15")
    Producer(connection).publish({}, routing_key="held", declare=[QUEUE])
    held: list[Message] = []
    consumer = connection.Consumer([QUEUE], callbacks=[lambda _, message: held.append(message)])
    consumer.consume()
    # Celery has channels for other things too; the first one that can't be closed ends the rest.
    connection.Consumer([Queue("other")], channel=connection.channel()).consume()
    while not held:
        connection.drain_events(timeout=5)
    # The worker waits for the next task.
    with suppress(TimeoutError):
        connection.drain_events(timeout=0.2)

    line.cut()
    # As Celery's worker does; then the task ends.
    errors = connection.connection_errors
    connection.collect(socket_timeout=0.1)
    connection.close()
    held[0].ack_log_error(logging.getLogger(__name__), errors=errors)
    assert not held[0].acknowledged
