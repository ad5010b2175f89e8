"""The API under /api/v1/: routers of the apps, authentication by key, rate limit, errors."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI, Swagger
from ninja.errors import HttpError, Throttled, ValidationError
from ninja.renderers import JSONRenderer
from ninja.responses import NinjaJSONEncoder

from accounts.api_access import KeyRate
from accounts.policies import anyone
from billing import api as billing
from billing.dunning.suspension import SuspendableKey
from core import unavailable
from core.congestion import Congested
from core.problems import MEDIA_TYPE, Problem, problem_of_status
from tenants.api import alerts, audit, members, organizations, refusals
from usage.api import active_users as activity
from usage.api import months as usage

logger = logging.getLogger(__name__)

DESCRIPTION = """
For a provider's own systems. Send the provider's key in the header `x-api-key`; a key is generated
under *Account Overview* and gives access to that provider's organizations only.

Errors are `application/problem+json` (RFC 9457): `status`, `code` for programs, `detail` for
people. Lists are ordered by id: pass `next` of one page as `after` to get the following one. A
request without an answer may be repeated: an entry with an `external_id` is added once.
Instants are UTC, with microseconds where they have any. After status 429 or 503, wait for the
seconds in `Retry-After`: a request that was answered so changed nothing, unless the `code` is
`outcome-unknown`.
"""

PROBLEM_SCHEMA = {
    "title": "Problem",
    "description": "RFC 9457. Further members depend on `code`.",
    "type": "object",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
    },
}


class ExactEncoder(NinjaJSONEncoder):
    """Instants in UTC with their microseconds, as in CSV files; Django's encoder cuts them."""

    def default(self, o: Any) -> Any:
        """An instant as 2026-10-14T09:31:07.250001Z; anything else as ninja encodes it."""
        if isinstance(o, datetime):
            return o.astimezone(UTC).isoformat().replace("+00:00", "Z")
        return super().default(o)


class ExactRenderer(JSONRenderer):
    """Renders responses with exact instants."""

    encoder_class = ExactEncoder


class PortalApi(NinjaAPI):
    """The API; its OpenAPI description includes the form of errors."""

    def get_openapi_schema(self, *args: Any, **options: Any) -> Any:
        """The description, with the error response added to each operation."""
        schema = super().get_openapi_schema(*args, **options)
        schema["components"]["schemas"]["Problem"] = PROBLEM_SCHEMA
        content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        for methods in schema["paths"].values():
            for operation in methods.values():
                operation["responses"]["default"] = {
                    "description": "An error",
                    "content": content,
                }
        return schema


api = PortalApi(
    title="Multi-Tenant Portal API",
    version="1",
    description=DESCRIPTION,
    urls_namespace="api",
    auth=SuspendableKey(),
    throttle=KeyRate(),
    renderer=ExactRenderer(),
    docs=Swagger(settings={"persistAuthorization": False}),
    docs_decorator=anyone,
)
api.add_router("", organizations.router)
api.add_router("", members.users)
api.add_router("", members.devices)
api.add_router("", billing.router)
api.add_router("", alerts.router)
api.add_router("", audit.router)
api.add_router("", usage.router)
api.add_router("", activity.router)


def _invalid(_request: HttpRequest, error: ValidationError) -> Problem:
    errors = [{"location": list(each["loc"]), "detail": str(each["msg"])} for each in error.errors]
    return Problem(422, "invalid", "Some fields are not valid.", errors=errors)


def _http_error(_request: HttpRequest, error: HttpError) -> Problem:
    if isinstance(error, Throttled):
        return Problem(
            429, "too-many-requests", "Too many requests with this key. Wait for Retry-After."
        )
    return problem_of_status(error.status_code)


def _unexpected(request: HttpRequest, error: Exception) -> Problem:
    logger.error("The API failed at %s %s", request.method, request.path, exc_info=error)
    return problem_of_status(500)


def _response(problem_of: Callable[..., Problem], request: HttpRequest, error: Any) -> HttpResponse:
    return problem_of(request, error).response()


PROBLEMS: dict[type[Exception], Any] = {
    **refusals.PROBLEMS,
    **activity.PROBLEMS,
    **billing.PROBLEMS,
    Problem: lambda _, problem: problem,
    Http404: lambda *_: problem_of_status(404),
    RequestDataTooBig: lambda *_: problem_of_status(413),
    ValidationError: _invalid,
    HttpError: _http_error,
    OperationalError: unavailable.problem_of,
    InterfaceError: unavailable.problem_of,
    Congested: unavailable.problem_of,
    unavailable.ClockAhead: unavailable.problem_of,
    Exception: _unexpected,
}
for error_class, problem_of in PROBLEMS.items():
    api.add_exception_handler(error_class, partial(_response, problem_of))
