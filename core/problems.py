"""What the API answers when something is wrong: always problem+json (RFC 9457)."""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse

MEDIA_TYPE = "application/problem+json"
API_PATH = "/api/"


class Problem(Exception):
    """An answer that is an error: its status, what kind it is, and what a caller can do about it.

    `code` is for programs and never changes; `detail` is for people. `more` are further members.
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
        """As it goes over the wire."""
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


# What Django and its libraries answer by themselves, in the API's words.
_DETAILS = {
    400: ("bad-request", "The request can't be read."),
    403: ("forbidden", "This is not allowed."),
    404: ("not-found", "There is nothing here."),
    405: ("method-not-allowed", "This address does not know the method."),
    413: ("too-large", "The request is too large."),
}


def problem_of_status(status: int) -> Problem:
    """The problem of an error that only has a status."""
    code, detail = _DETAILS.get(
        status, ("server-error", "Something went wrong on our side. Try again later.")
    )
    return Problem(status, code, detail)


class ProblemsMiddleware:
    """Turns every error of the API that is no problem+json yet into one, whoever answered it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Let through what is not of the API or not an error."""
        response = self.get_response(request)
        is_error = response.status_code >= HTTPStatus.BAD_REQUEST
        if not is_error or not request.path.startswith(API_PATH):
            return response
        if response.get("Content-Type", "").startswith(MEDIA_TYPE):
            return response
        problem = problem_of_status(response.status_code).response()
        if "Allow" in response:
            problem["Allow"] = response["Allow"]
        return problem
