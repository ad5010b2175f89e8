"""The request as the middleware leaves it, and as views see it after their policy."""

from django_htmx.middleware import HtmxDetails

from accounts.models import Provider, User
from core.middleware import ProviderRequest


class SiteRequest(ProviderRequest):
    """Any request after the middleware, also of people who are not signed in."""

    provider: Provider | None
    htmx: HtmxDetails


class PortalRequest(SiteRequest):
    """A signed-in person's request, in the schema of their provider."""

    user: User
    provider: Provider
