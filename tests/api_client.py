"""A client of the API with a provider's key; its requests pass through all middleware."""

import json
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts.models import Provider
from core.actors import SYSTEM_ACTOR
from core.schema import provider_schema
from tenants.people.api_keys import Overlap, generate_key

ROOT = "/api/v1"


def key_for(provider: Provider) -> str:
    """Generate a key for the provider; its previous key stops working."""
    with provider_schema(provider):
        return generate_key(
            provider=provider, overlap=Overlap.NONE, actor=SYSTEM_ACTOR, now=timezone.now()
        ).secret


class System:
    """A provider's system that calls the API with `key`, or without a key if it is None."""

    def __init__(self, key: str | None) -> None:
        # Return status 500 as a client gets it, instead of raising the exception in the test.
        self.client = Client(enforce_csrf_checks=True, raise_request_exception=False)
        self.headers = {} if key is None else {"x-api-key": key}

    @classmethod
    def of(cls, provider: Provider) -> "System":
        return cls(key_for(provider))

    def ask(self, method: str, path: str, body: Any = None) -> HttpResponse:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.generic(
            method,
            ROOT + path,
            b"" if body is None else content,
            content_type="application/json",
            headers=self.headers,
        )

    def get(self, path: str) -> HttpResponse:
        return self.ask("GET", path)

    def post(self, path: str, body: Any) -> HttpResponse:
        return self.ask("POST", path, body)

    def delete(self, path: str) -> HttpResponse:
        return self.ask("DELETE", path)

    def patch(self, path: str, body: Any) -> HttpResponse:
        return self.ask("PATCH", path, body)


def problem(response: HttpResponse, status: int) -> dict[str, Any]:
    """The problem in a response, which must be one with this status."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = json.loads(response.content)
    assert body["status"] == status
    assert {"type", "title", "code", "detail"} <= set(body)
    return body
