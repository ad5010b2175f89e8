"""Undoing a removal: the person counts as if the removal had never been (docs/decisions/0063)."""

from datetime import datetime

from core.actors import Actor
from tenants import audit
from tenants.models import CountedRow, Device, ManagedUser, MeteringPolicy
from tenants.refusals import translated_refusals
from tenants.users.carrying import carry_aliases, copy_of
from tenants.users.membership import Via, refused_if_taken


class MonthClosed(Exception):
    """The month of the removal is closed: it was billed without the person."""


class NamesErased(Exception):
    """The names of the removed user were erased."""


def restore_member(*, removed: CountedRow, actor: Actor, now: datetime) -> CountedRow:
    """Add a removed user or device again, counted from the instant of its removal.

    The removed row stays as it is. The new one has its names and ids, and is the same person for
    the active users of a month. Between both instants the person counts, so a user who took the
    place meanwhile counts beside. Raises `MonthClosed`, `NamesErased`, and what `add_member`
    raises: the present count decides about the cap.
    """
    closed_through = MeteringPolicy.objects.current().closed_through
    if removed.removed_at is None:
        raise ValueError("The member is not removed.")
    if closed_through is not None and removed.removed_at < closed_through:
        raise MonthClosed
    if isinstance(removed, ManagedUser) and removed.erased_at is not None:
        raise NamesErased
    member = copy_of(removed, organization=removed.organization)
    member.added_at, member.added_via = removed.removed_at, Via.UNDO
    member.added_by_id, member.added_by_name = actor.id, actor.name
    if isinstance(member, ManagedUser) and isinstance(removed, ManagedUser):
        member.same_person_as_id = removed.same_person_as_id or removed.pk
    if isinstance(member, Device) and isinstance(removed, Device):
        member.location_id = removed.location_id
    with refused_if_taken(), translated_refusals():
        member.save(force_insert=True)
        carry_aliases(removed, member)
        audit.record(
            actor=actor,
            action=f"{member.noun}.restored",
            subject=member.key,
            subject_id=member.pk,
            organization=removed.organization,
            after={"counted_from": removed.removed_at.isoformat()},
            now=now,
        )
    return member
