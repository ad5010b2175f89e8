"""Caps of many organizations in one transaction: all are set, or none."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from core.actors import Actor
from tenants import audit
from tenants.models import Organization

_SET = """
    UPDATE tenants_organization o SET user_cap = c.cap
    FROM unnest(%s::bigint[], %s::integer[]) AS c (id, cap) WHERE o.id = c.id
"""


@dataclass(frozen=True, slots=True)
class CapChange:
    """A cap to set, None to remove it; `expected` is the present cap as the caller read it."""

    organization_id: int
    expected: int | None
    cap: int | None


@dataclass(frozen=True, slots=True)
class ChangedMeanwhile:
    """An organization that was removed, or whose cap is no longer the expected one."""

    organization_id: int
    name: str
    expected: int | None
    present: int | None
    is_removed: bool


class CapsChanged(Exception):
    """Some caps are not the expected ones; none was set."""

    def __init__(self, conflicts: Sequence[ChangedMeanwhile]) -> None:
        super().__init__(f"{len(conflicts)} caps were changed meanwhile")
        self.conflicts = tuple(conflicts)


@transaction.atomic
def set_user_caps(*, changes: Sequence[CapChange], actor: Actor, now: datetime) -> int:
    """Set all caps, each with its entry in the audit log, and return how many were changed.

    Raises `CapsChanged`, with none set, where a present cap is not the expected one. Like
    `set_user_cap`, a cap below the present count is allowed.
    """
    by_id = {change.organization_id: change for change in changes}
    # Locked in one order, so that two callers with the same organizations do not deadlock.
    locked = list(
        Organization.objects.select_for_update(no_key=True).filter(pk__in=by_id).order_by("pk")
    )
    conflicts = [
        ChangedMeanwhile(
            one.pk, one.name, by_id[one.pk].expected, one.user_cap, one.removed_at is not None
        )
        for one in locked
        if one.user_cap != by_id[one.pk].expected or one.removed_at is not None
    ]
    if conflicts:
        raise CapsChanged(conflicts)
    changed = [one for one in locked if one.user_cap != by_id[one.pk].cap]
    if not changed:
        return 0
    with connection.cursor() as cursor:
        ids = [one.pk for one in changed]
        cursor.execute(_SET, [ids, [by_id[pk].cap for pk in ids]])
    audit.record_all(
        entries=[
            audit.entry_of(
                now=now,
                actor=actor,
                action="organization.user_cap_changed",
                organization=one,
                subject=one.name,
                subject_id=one.pk,
                before={"user_cap": one.user_cap},
                after={"user_cap": by_id[one.pk].cap},
            )
            for one in changed
        ]
    )
    return len(changed)
