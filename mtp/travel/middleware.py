"""Follows the portal's clock before each request."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from core.middleware import ProbeHostMiddleware
from mtp.travel.position import follow


class ClockMiddleware:
    """Looks where the clock is; probes, which need no database, are answered without."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Follow, then answer."""
        if request.path not in ProbeHostMiddleware.PATHS:
            follow()
        return self.get_response(request)
