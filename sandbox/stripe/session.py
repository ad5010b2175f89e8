"""The session of one request: its account, its instant, its objects."""

import secrets
from dataclasses import dataclass

from sandbox.stripe import errors
from sandbox.stripe.errors import Json
from sandbox.stripe.store import Store

API_VERSION = "2026-10-28.endive"


@dataclass(frozen=True)
class Session:
    """One request inside its transaction. `now`: seconds since 1970 by the stand-in's clock."""

    store: Store
    account: str
    now: int
    request_id: str
    origin: str = ""
    idempotency_key: str | None = None
    publishable: bool = False

    def fetch(self, kind: str, identifier: str, *, param: str | None = None) -> Json:
        """The object, or Stripe's resource_missing (404 by path, 400 as a parameter)."""
        found = self.store.find(identifier, kind=kind, account=self.account)
        if found is None:
            raise errors.missing(
                kind, identifier, param=param or "id", status=400 if param else 404
            )
        return found

    def customer(self, identifier: str, *, param: str | None = None) -> Json:
        """A customer; a deleted one is missing, except where it is retrieved."""
        found = self.fetch("customer", identifier, param=param)
        if found.get("deleted"):
            raise errors.missing(
                "customer", identifier, param=param or "id", status=400 if param else 404
            )
        return found

    def save(self, thing: Json) -> Json:
        """Save the object."""
        self.store.save(thing, account=self.account)
        return thing

    def emit(self, kind: str, thing: Json, *, previous: Json | None = None) -> None:
        """Write an event; its delivery starts when the transaction is done."""
        content: Json = {"object": visible(thing)}
        if previous is not None:
            content["previous_attributes"] = previous
        event = {
            "id": identifier("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now,
            "data": content,
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": self.request_id, "idempotency_key": self.idempotency_key},
            "type": kind,
        }
        self.save(event)
        if self.store.has_listener:
            self.store.rows(
                "INSERT INTO deliveries (event, due, state) VALUES (?, 0, 'waiting')", event["id"]
            )


def identifier(prefix: str) -> str:
    """A fresh id in Stripe's manner: pi_ and 24 characters."""
    return f"{prefix}_{secrets.token_hex(12)}"


def client_secret(owner: str) -> str:
    """The client secret, with which a browser can act on this one intent."""
    return f"{owner}_secret_{secrets.token_hex(12)}"


def visible(thing: Json) -> Json:
    """The object without the stand-in's private fields."""
    return {name: value for name, value in thing.items() if not name.startswith("_")}
