"""Who wants to know what became of alerts: floors above register here."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from tenants.alerts.models import Alert


class Follower(Protocol):
    """Told in the transaction that opened or resolved these alerts: it may only write rows."""

    def __call__(
        self, *, opened: Sequence[Alert], resolved: Sequence[Alert], now: datetime
    ) -> None: ...


Registered = TypeVar("Registered", bound=Follower)
_followers: list[Follower] = []


def follow_alerts(follower: Registered) -> Registered:
    """Register a follower."""
    _followers.append(follower)
    return follower


def tell_followers(
    *, now: datetime, opened: Sequence[Alert] = (), resolved: Sequence[Alert] = ()
) -> None:
    """Tell every follower; nothing where nothing changed."""
    if opened or resolved:
        for follower in _followers:
            follower(opened=opened, resolved=resolved, now=now)
