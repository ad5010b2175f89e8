"""The audit log of a provider: one row for each change, written in the change's transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from core.actors import Actor
from tenants.models import AuditEntry, Organization

LONGEST_SUBJECT = 300


def record(
    *,
    actor: Actor,
    action: str,
    subject: str,
    now: datetime,
    organization: Organization | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Append an entry at `now`; `action` has the form `organization.created`."""
    return AuditEntry.objects.create(
        at=now,
        actor_id=actor.id,
        actor_name=actor.name,
        action=action,
        organization_id=organization.pk if organization else None,
        subject=subject[:LONGEST_SUBJECT],
        before=dict(before or {}),
        after=dict(after or {}),
    )


def record_all(*, entries: Sequence[AuditEntry]) -> None:
    """Append many entries in one statement."""
    AuditEntry.objects.bulk_create(entries)
