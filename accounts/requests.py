"""The request as views see it once their policy let it through."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from accounts.models import Provider, User


class PortalRequest(HttpRequest):
    """A signed-in person's request, in the schema of their provider."""

    user: User
    provider: Provider
    htmx: HtmxDetails
