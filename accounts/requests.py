"""Types of requests: after the middleware, and after a view's policy."""

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
