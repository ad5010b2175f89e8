"""A round of alerts after each change that a person or a system makes over the web."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from tenants.alerts.schedule import check_soon

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FIRST_ERROR = 400


class AlertsMiddleware:
    """Has a round of the provider run soon after a request that may have changed something.

    Stands behind what enters the provider's schema. A refused request has changed nothing, and
    outside of a provider's schema there are no alerts.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request, then wake the round."""
        response = self.get_response(request)
        if request.method not in SAFE_METHODS and response.status_code < FIRST_ERROR:
            check_soon()
        return response
