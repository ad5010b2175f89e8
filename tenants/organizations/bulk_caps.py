"""Many organizations' caps at once: all of them, or none."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from core.actors import Actor
from tenants import audit
from tenants.models import AuditEntry, Organization

_SET = """
    UPDATE tenants_organization o SET user_cap = c.cap
    FROM unnest(%s::bigint[], %s::integer[]) AS c (id, cap) WHERE o.id = c.id
"""


@dataclass(frozen=True, slots=True)
class CapChange:
    """A cap to be set, None to lift it; `expected` is what it is believed to be now."""

    organization_id: int
    expected: int | None
    cap: int | None


@dataclass(frozen=True, slots=True)
class ChangedMeanwhile:
    """An organization whose cap is no longer what was expected, or that was removed."""

    organization_id: int
    name: str
    expected: int | None
    present: int | None
    is_removed: bool


class CapsChanged(Exception):
    """Some caps are not what they were believed to be; nothing was set."""

    def __init__(self, conflicts: Sequence[ChangedMeanwhile]) -> None:
        super().__init__(f"{len(conflicts)} caps were changed meanwhile")
        self.conflicts = tuple(conflicts)


@transaction.atomic
def set_user_caps(*, changes: Sequence[CapChange], actor: Actor, now: datetime) -> int:
    """Set all caps, each with its entry in the audit log; gives how many were changed.

    Raises `CapsChanged`, with nothing set, where another cap is in force than was expected.
    Like `set_user_cap`, a cap below the present count is allowed.
    """
    asked = {change.organization_id: change for change in changes}
    # Only against other changes, and in one order: two that set the same caps wait for each other.
    locked = list(
        Organization.objects.select_for_update(no_key=True).filter(pk__in=asked).order_by("pk")
    )
    conflicts = [
        ChangedMeanwhile(
            one.pk, one.name, asked[one.pk].expected, one.user_cap, one.removed_at is not None
        )
        for one in locked
        if one.user_cap != asked[one.pk].expected or one.removed_at is not None
    ]
    if conflicts:
        raise CapsChanged(conflicts)
    changed = [one for one in locked if one.user_cap != asked[one.pk].cap]
    if not changed:
        return 0
    with connection.cursor() as cursor:
        ids = [one.pk for one in changed]
        cursor.execute(_SET, [ids, [asked[pk].cap for pk in ids]])
    audit.record_all(
        entries=[
            AuditEntry(
                at=now,
                actor_id=actor.id,
                actor_name=actor.name,
                action="organization.user_cap_changed",
                organization_id=one.pk,
                subject=one.name[: audit.LONGEST_SUBJECT],
                before={"user_cap": one.user_cap},
                after={"user_cap": asked[one.pk].cap},
            )
            for one in changed
        ]
    )
    return len(changed)
