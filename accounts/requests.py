"""Types of requests: after the middleware, and after a view's policy."""

from http import HTTPStatus

from django.http import HttpResponse
from django_htmx.middleware import HtmxDetails

from accounts.models import Provider, User
from core.middleware import ProviderRequest


class SiteRequest(ProviderRequest):
    """A request after the middleware, of anyone."""

    provider: Provider | None
    htmx: HtmxDetails


class PortalRequest(SiteRequest):
    """A request of a signed-in person, in their provider's schema."""

    user: User
    provider: Provider


def refused_fragment(request: SiteRequest) -> HttpResponse:
    """Refuse an htmx request by reloading its page: a fragment would appear inside the page."""
    page = request.htmx.current_url_abs_path or "/"
    return HttpResponse(status=HTTPStatus.FORBIDDEN, headers={"HX-Redirect": page})
