"""Middleware that binds a request's provider: that of the signed-in user, never from the URL,
Host header, form or body.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from structlog.contextvars import bind_contextvars

from core.congestion import Congested, leave, take_place
from core.origin import requested_by
from core.schema import HasSchema, connection, enter_provider, leave_provider
from core.unavailable import response_of

Handler = Callable[[HttpRequest], HttpResponse]


class ProviderRequest(HttpRequest):
    """A request after `ProviderMiddleware`."""

    provider: HasSchema | None


class BeforeViewMiddleware:
    """The base of middleware that only has `process_view`: the route is known there."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.get_response(request)


class ProbeHostMiddleware:
    """Takes the request of a probe by whatever name or address it has for this server.

    ALLOWED_HOSTS would refuse it. The answers of these paths contain no link, so the name does not
    matter to them.
    """

    PATHS = frozenset({"/live", "/ready", "/status", "/metrics/"})

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Give the request the host of SITE_URL."""
        if request.path in self.PATHS:
            request.META["HTTP_HOST"] = urlsplit(settings.SITE_URL).netloc
        return self.get_response(request)


class OperationsAddressMiddleware:
    """Refuses an address of the operations admin with a NUL, which no text in PostgreSQL has.

    The admin would search for it. The portal's own pages read their parameters with care.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer 400."""
        is_operations = request.path.startswith("/operations/")
        if is_operations and ("\0" in request.path or "%00" in request.META["QUERY_STRING"]):
            return HttpResponseBadRequest("The address has a NUL.", content_type="text/plain")
        return self.get_response(request)


class PublicSchemaMiddleware:
    """Starts and ends every request in the public schema, also after one that failed."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Bind public before and after the request."""
        leave_provider()
        # An error after a commit of this request is answered otherwise (`core.unavailable`).
        connection.commits = 0
        try:
            return self.get_response(request)
        finally:
            leave_provider()


class ProviderMiddleware:
    """Binds the schema of the signed-in user's provider and sets `request.provider`.

    `User.active_provider(request)` decides: their provider, or for operations staff the one they
    chose, which is stored in the session. Without one the request stays in public and
    `request.provider` is None. A provider that is not active has no schema yet: it is set, but its
    schema is not bound. A request of a congested provider gets 503 (`core.congestion`).
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: ProviderRequest) -> HttpResponse:
        """Enter the provider's schema for the rest of the request."""
        provider = None
        if request.user.is_authenticated:
            bind_contextvars(user=request.user.pk)
            provider = request.user.active_provider(request)
        request.provider = provider
        if provider is not None and provider.is_active:
            try:
                take_place(request, schema=provider.schema_name)
            except Congested as congested:
                return response_of(request, congested)
            enter_provider(provider)
        try:
            with requested_by(request):
                return self.get_response(request)
        finally:
            leave(request)
            leave_provider()
