"""The audit log, for floors below its table: `tenants.audit` registers how a row is written.

A look at something sensitive (a table, a document) is marked at its answer and recorded by the
route's policy, after the view: a view may read a replica, which takes no row.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from core.actors import actor_of

Answer = TypeVar("Answer", bound=HttpResponseBase)
_ATTRIBUTE = "audited_look"
_writers: list[Callable[..., Any]] = []


@dataclass(frozen=True, slots=True)
class Look:
    """What was looked at: the row's action and subject, and the name of the file."""

    action: str
    subject: str
    file_name: str


def register_writer(writer: Callable[..., Any]) -> None:
    """Write rows with this function, whose parameters are those of `tenants.audit.entry_of`."""
    _writers[:] = [writer]


def record(**facts: Any) -> None:
    """Append a row to the log of the current provider."""
    for writer in _writers:
        writer(**facts)


def looked_at(answer: Answer, *, action: str, subject: str, file_name: str) -> Answer:
    """Mark the answer as a look at something sensitive."""
    setattr(answer, _ATTRIBUTE, Look(action, subject, file_name))
    return answer


def record_look(request: HttpRequest, answer: HttpResponseBase) -> None:
    """Append the row of a marked answer; none for another one."""
    look: Look | None = getattr(answer, _ATTRIBUTE, None)
    if look is None or request.method == "HEAD":
        return
    kwargs = request.resolver_match.kwargs if request.resolver_match else {}
    own = getattr(request.user, "organization_id", None)
    record(
        actor=actor_of(request),
        action=look.action,
        subject=look.subject,
        organization=kwargs.get("organization_id") or own or _impersonated(request),
        after={"file": look.file_name},
        now=timezone.now(),
    )


def _impersonated(request: HttpRequest) -> int | None:
    return getattr(request, "impersonated_id", None)
