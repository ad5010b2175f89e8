"""Topics of the outbox: each has one handler, registered by the app that owns the work."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Payload = Mapping[str, Any]
Handler = Callable[[Payload, datetime], None]


class Postpone(Exception):
    """A handler raises it to run again at `until`; it does not count as a failed attempt."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"postponed until {until.isoformat()}")
        self.until = until


@dataclass(frozen=True)
class Topic:
    """A kind of work; a message is dead after `max_attempts` failures."""

    name: str
    handler: Handler
    max_attempts: int


_topics: dict[str, Topic] = {}


def handler(name: str, *, max_attempts: int = 12) -> Callable[[Handler], Handler]:
    """Register the handler of a topic; it must be safe to run it twice for one message."""

    def register(handler: Handler) -> Handler:
        _topics[name] = Topic(name=name, handler=handler, max_attempts=max_attempts)
        return handler

    return register


def topic_named(name: str) -> Topic:
    """The topic; raises `KeyError` when no app registered it."""
    return _topics[name]
