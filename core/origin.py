"""Where the present work comes from: address, browser and id of the request that began it.

A middleware sets the request. A worker has no request, but the id of the one that sent its task.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from allauth.core.internal.httpkit import get_client_ip
from django.http import HttpRequest
from structlog.contextvars import get_contextvars

LONGEST_USER_AGENT = 300

_request: ContextVar[HttpRequest | None] = ContextVar("origin_request", default=None)


@dataclass(frozen=True, slots=True)
class Origin:
    """Empty where there is no request. `impersonated_id` is the organization that is acted for."""

    ip_address: str | None = None
    user_agent: str = ""
    request_id: str = ""
    impersonated_id: int | None = None


@contextmanager
def requested_by(request: HttpRequest) -> Iterator[None]:
    """Run the block as the work of this request."""
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)


def act_for(request: HttpRequest, *, organization_id: int) -> None:
    """From now on the request acts as the organization's own people do."""
    request.impersonated_id = organization_id  # type: ignore[attr-defined] # ours


def note_entry() -> None:
    """Remember that the present request has an entry in the audit log."""
    request = _request.get()
    if request is not None:
        request.has_audit_entry = True  # type: ignore[attr-defined] # ours


def has_entry(request: HttpRequest) -> bool:
    """Whether the request has written an entry."""
    return getattr(request, "has_audit_entry", False)


def current_origin() -> Origin:
    """The origin of the work that runs now."""
    request_id = str(get_contextvars().get("request_id", ""))
    request = _request.get()
    if request is None:
        return Origin(request_id=request_id)
    agent = request.headers.get("User-Agent", "")
    return Origin(
        ip_address=get_client_ip(request),
        # PostgreSQL stores no NUL.
        user_agent=agent.replace("\0", "")[:LONGEST_USER_AGENT],
        request_id=request_id,
        impersonated_id=getattr(request, "impersonated_id", None),
    )
