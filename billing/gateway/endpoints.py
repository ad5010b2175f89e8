"""The webhook endpoints of the Stripe account."""

from dataclasses import dataclass
from typing import Any

from billing.gateway.client import client, pages

ALL_EVENTS = "*"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint: where Stripe sends events, of which types, and whether it does."""

    url: str
    is_enabled: bool
    events: frozenset[str]

    def missing(self, wanted: frozenset[str]) -> frozenset[str]:
        """The wanted types that it does not get."""
        return frozenset() if ALL_EVENTS in self.events else wanted - self.events


def webhook_endpoints() -> list[Endpoint]:
    """Every endpoint of the account. Raises `GatewayError`."""
    return [_endpoint(each) for each in pages(client().v1.webhook_endpoints.list, {})]


def _endpoint(each: Any) -> Endpoint:
    return Endpoint(
        url=str(each["url"]),
        is_enabled=each["status"] == "enabled",
        events=frozenset(each["enabled_events"]),
    )
