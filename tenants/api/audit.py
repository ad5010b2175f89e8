"""The API of the audit log."""

from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Query, Router, Schema
from pydantic import AwareDatetime, Field, StringConstraints

from accounts.api_access import ApiRequest
from core.actors import ActorKind
from tenants.api.fields import LARGEST_ID, Page, PageQuery, page_of
from tenants.audit_log.actions import known_actions
from tenants.audit_log.kinds import kind_of
from tenants.audit_log.selection import (
    LONGEST_ACTION,
    LONGEST_SUBJECT,
    found_by_text,
    of_actor,
    of_kind_or_action,
)
from tenants.models import AuditEntry

router = Router(tags=["Audit log"])
LONGEST_QUERY = 200

KindOfActor = Literal["person", "api_key", "operations", "system"]


class ActorOut(Schema):
    """Who acted: a person with an id, or one of the others. `kind` is null in older entries."""

    id: int | None
    name: str
    kind: KindOfActor | None


class ObjectOut(Schema):
    """What was changed or looked at. `id` is null where there is none, and in older entries."""

    kind: str
    id: int | None
    name: str


class AuditEntryOut(Schema):
    """An entry. `impersonated_organization_id` is the organization on whose pages one acted.

    `before` and `after` have the values that changed; secrets in them are hidden.
    """

    id: int
    at: datetime
    actor: ActorOut
    impersonated_organization_id: int | None
    action: str
    object: ObjectOut
    organization_id: int | None
    ip_address: str | None
    user_agent: str
    request_id: str
    before: dict[str, Any]
    after: dict[str, Any]

    @staticmethod
    def resolve_actor(entry: AuditEntry) -> dict[str, Any]:
        """The author."""
        kind = entry.actor_kind or None
        return {"id": entry.actor_id, "name": entry.actor_name, "kind": kind}

    @staticmethod
    def resolve_impersonated_organization_id(entry: AuditEntry) -> int | None:
        """The organization on whose pages one acted."""
        return entry.impersonated_id

    @staticmethod
    def resolve_object(entry: AuditEntry) -> dict[str, Any]:
        """The object."""
        return {"kind": kind_of(entry.action), "id": entry.subject_id, "name": entry.subject}


Text = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[^\u0000]*$")]


class AuditQuery(PageQuery):
    """Selection of entries: all by default."""

    action: Annotated[Text, StringConstraints(max_length=LONGEST_ACTION)] = Field(
        "", description="An action as `organization.created`, or a kind as `organization`."
    )
    actor_id: int | None = Field(None, ge=1, le=LARGEST_ID)
    actor_kind: KindOfActor | None = None
    organization_id: int | None = Field(None, ge=1, le=LARGEST_ID)
    object_name: Annotated[Text, StringConstraints(max_length=LONGEST_SUBJECT)] = Field(
        "", description="The exact name of an object, as an invoice's number."
    )
    q: Annotated[Text, StringConstraints(max_length=LONGEST_QUERY)] = Field(
        "", description="A part of an object's or a person's name; an IP address; a request id."
    )
    since: AwareDatetime | None = Field(None, description="Entries of this instant or later.")
    until: AwareDatetime | None = Field(None, description="Entries before this instant.")


@router.get("/audit", response=Page[AuditEntryOut], summary="List the audit log")
def list_audit(
    request: ApiRequest,  # noqa: ARG001 - ninja's signature
    query: Annotated[AuditQuery, Query()],
) -> dict[str, Any]:
    """Entries in order of id: each change, and each look at something sensitive."""
    entries = AuditEntry.objects.filter(found_by_text(query.q))
    if query.action:
        known = [one for one in known_actions() if of_kind_or_action(one, query.action)]
        entries = entries.filter(action__in=known)
    if query.actor_id:
        entries = entries.filter(actor_id=query.actor_id)
    if query.actor_kind:
        entries = entries.filter(of_actor(ActorKind(query.actor_kind)))
    if query.organization_id:
        entries = entries.filter(organization_id=query.organization_id)
    if query.object_name:
        entries = entries.filter(subject=query.object_name)
    if query.since:
        entries = entries.filter(at__gte=query.since)
    if query.until:
        entries = entries.filter(at__lt=query.until)
    return page_of(entries, query)
