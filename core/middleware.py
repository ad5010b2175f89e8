"""The provider of a request: from the signed-in user, never from URL, Host, form or body."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from core.schema import HasSchema, connection

Handler = Callable[[HttpRequest], HttpResponse]


class ProviderRequest(HttpRequest):
    """A request after `ProviderMiddleware`."""

    provider: HasSchema | None


class PublicSchemaMiddleware:
    """Every request starts and ends in the public schema, whatever the last one left behind."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Bind public before and after the request."""
        connection.set_schema_to_public()
        try:
            return self.get_response(request)
        finally:
            connection.set_schema_to_public()


class ProviderMiddleware:
    """Binds the schema of the signed-in user's provider and sets `request.provider`.

    A signed-in user's `active_provider(request)` decides: their own provider, or for operations
    staff the one they chose (kept in the session). Without one the request stays in public and
    `request.provider` is None. A provider without a schema yet is set but not entered.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: ProviderRequest) -> HttpResponse:
        """Enter the provider's schema for the rest of the request."""
        provider = None
        if request.user.is_authenticated:
            provider = request.user.active_provider(request)
        request.provider = provider
        if provider is not None and provider.is_active:
            connection.set_tenant(provider)
        try:
            return self.get_response(request)
        finally:
            connection.set_schema_to_public()
