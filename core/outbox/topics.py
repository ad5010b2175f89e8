"""Who does what: each topic has one handler, registered where the domain lives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Payload = Mapping[str, Any]
Handler = Callable[[Payload, datetime], None]


class Postpone(Exception):
    """Raised by a handler: not now, again at `until`. Does not count as a failed attempt."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"postponed until {until.isoformat()}")
        self.until = until


@dataclass(frozen=True)
class Topic:
    """A kind of durable work; `max_attempts` failures make a message dead."""

    name: str
    handler: Handler
    max_attempts: int


_topics: dict[str, Topic] = {}


def handler(name: str, *, max_attempts: int = 12) -> Callable[[Handler], Handler]:
    """Register the handler of a topic; it must be safe to run twice for one message."""

    def register(handler: Handler) -> Handler:
        _topics[name] = Topic(name=name, handler=handler, max_attempts=max_attempts)
        return handler

    return register


def topic_named(name: str) -> Topic:
    """The topic's registration; KeyError when no app registered it."""
    return _topics[name]
