"""The audit log of a provider: one row for each change, written in the change's transaction.

A row says who did what to which object and from where. The database refuses to change or delete it
(`migrations/sql/0015_audit_log.sql`). Pages and API read it through `tenants/audit_log/`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from core.actors import Actor
from core.audit import register_writer
from core.origin import current_origin, note_entry
from core.telemetry.redaction import redacted
from tenants.models import AuditEntry, Organization

LONGEST_SUBJECT = 300


def entry_of(
    *,
    actor: Actor,
    action: str,
    subject: str,
    now: datetime,
    subject_id: int | None = None,
    organization: Organization | int | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """An entry at `now` that is not saved; `action` has the form `organization.created`.

    `subject` and `subject_id` are name and id of the object, by default those of the organization
    where the action is one on it. `before` and `after` are the values that changed; secrets in them
    are hidden.
    """
    origin = current_origin()
    note_entry()
    if isinstance(organization, Organization):
        organization = organization.pk
    if subject_id is None and action.startswith("organization."):
        subject_id = organization
    return AuditEntry(
        at=now,
        actor_id=actor.id,
        actor_name=actor.name,
        actor_kind=actor.kind,
        impersonated_id=origin.impersonated_id,
        ip_address=origin.ip_address,
        user_agent=origin.user_agent,
        request_id=origin.request_id,
        action=action,
        organization_id=organization,
        subject=subject[:LONGEST_SUBJECT],
        subject_id=subject_id,
        before=redacted(before or {}),
        after=redacted(after or {}),
    )


def record(**facts: Any) -> AuditEntry:
    """Append an entry; the parameters are those of `entry_of`. One statement."""
    entry = entry_of(**facts)
    entry.save(force_insert=True)
    return entry


register_writer(record)


def record_all(*, entries: Sequence[AuditEntry]) -> None:
    """Append many entries in one statement."""
    AuditEntry.objects.bulk_create(entries)
