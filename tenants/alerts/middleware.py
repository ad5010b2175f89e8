"""Evaluation of the alert rules after each web request that may have changed something."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from tenants.alerts.schedule import check_soon

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FIRST_ERROR = 400


class AlertsMiddleware:
    """Schedule an evaluation after a successful request that is not safe.

    It comes after the middleware that enters the provider's schema, and does nothing outside of
    one.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request, then schedule the evaluation."""
        response = self.get_response(request)
        if request.method not in SAFE_METHODS and response.status_code < FIRST_ERROR:
            check_soon()
        return response
