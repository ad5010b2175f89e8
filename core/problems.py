"""Errors of the API, always as problem+json (RFC 9457)."""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse

MEDIA_TYPE = "application/problem+json"
API_PATH = "/api/"


class Problem(Exception):
    """An error response of the API.

    `code` is for programs and never changes; `detail` says to people what they can do about it.
    `more` are further members of the JSON object.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = more

    def response(self) -> HttpResponse:
        """The HTTP response."""
        body = {
            "type": f"urn:mtp:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            **self.more,
        }
        return HttpResponse(
            json.dumps(body), status=self.status, content_type=MEDIA_TYPE, headers=self.headers
        )


# Code and detail for errors of Django and its libraries, which only have a status.
_DETAILS = {
    400: ("bad-request", "The request can't be read."),
    403: ("forbidden", "This is not allowed."),
    404: ("not-found", "There is nothing here."),
    405: ("method-not-allowed", "This address does not know the method."),
    503: ("unavailable", "The portal can't answer just now. Nothing was changed. Try again soon."),
    413: ("too-large", "The request is too large."),
}


def problem_of_status(status: int) -> Problem:
    """The problem for an error that only has a status."""
    code, detail = _DETAILS.get(
        status, ("server-error", "Something went wrong on our side. Try again later.")
    )
    return Problem(status, code, detail)


class ProblemsMiddleware:
    """Turns every error response under `API_PATH` into problem+json."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return every other response unchanged."""
        response = self.get_response(request)
        if (
            response.status_code < HTTPStatus.BAD_REQUEST
            or not request.path.startswith(API_PATH)
            or response.get("Content-Type", "").startswith(MEDIA_TYPE)
        ):
            return response
        problem = problem_of_status(response.status_code).response()
        for name in ("Allow", "Retry-After"):
            if name in response:
                problem[name] = response[name]
        return problem
