"""Topics of the outbox: each has one handler, registered by the app that owns the work."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.outbox.lanes import Lane

Payload = Mapping[str, Any]
Handler = Callable[[Payload, datetime], None]


# How long a message may be postponed before operations get an alert.
LONGEST_WAIT = timedelta(hours=1)


class Postpone(Exception):
    """A handler raises it to run again at `until`; it does not count as a failed attempt.

    It is counted: beyond the topic's `longest_wait` operations get an alert, and the message keeps
    waiting, because what it waits for may still come.
    """

    def __init__(self, until: datetime) -> None:
        super().__init__(f"postponed until {until.isoformat()}")
        self.until = until

    @property
    def reason(self) -> str:
        """The error that it was raised from; empty without one."""
        cause = self.__cause__
        return f"{type(cause).__name__}: {cause}" if cause else ""


@dataclass(frozen=True)
class Topic:
    """A kind of work; a message is dead after `max_attempts` failures.

    A message that is postponed for longer than `longest_wait` is shown to operations.
    """

    name: str
    handler: Handler
    lane: Lane
    max_attempts: int
    longest_wait: timedelta


_topics: dict[str, Topic] = {}


def handler(
    name: str,
    *,
    lane: Lane = Lane.PEOPLE,
    max_attempts: int = 12,
    longest_wait: timedelta = LONGEST_WAIT,
) -> Callable[[Handler], Handler]:
    """Register the handler of a topic; it must be safe to run it twice for one message.

    A handler that calls an outside service, renders or takes long names its lane.
    """

    def register(handler: Handler) -> Handler:
        _topics[name] = Topic(
            name=name,
            handler=handler,
            lane=lane,
            max_attempts=max_attempts,
            longest_wait=longest_wait,
        )
        return handler

    return register


def topic_named(name: str) -> Topic:
    """The topic; raises `KeyError` when no app registered it."""
    return _topics[name]


def topics() -> list[Topic]:
    """Every registered topic."""
    return list(_topics.values())
