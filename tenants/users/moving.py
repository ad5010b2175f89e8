"""Moving a user or device to another organization: it leaves and joins in one act (0063)."""

from datetime import datetime

from django.db import connection

from core.actors import Actor
from tenants import audit
from tenants.models import CountedRow, Organization
from tenants.refusals import translated_refusals
from tenants.users.carrying import carry_aliases, copy_of
from tenants.users.membership import Via, refused_if_taken


class NotThere(Exception):
    """The member was removed meanwhile, or is in this organization already."""


def move_member(*, member: CountedRow, to: Organization, actor: Actor, now: datetime) -> CountedRow:
    """Remove the member from its organization and add it to another one, at one instant.

    Its names, ids, state and other addresses go along; its usage, activity and location stay where
    they were counted. Both events have the same instant, so all organizations together count it
    once. Raises `NotThere`, and what `add_member` raises: then nothing has changed.
    """
    origin = member.organization
    if origin.pk == to.pk:
        raise NotThere
    with refused_if_taken(), translated_refusals():
        pair = sorted((origin.pk, to.pk))
        # Two moves in opposite directions would otherwise deadlock.
        list(Organization.objects.select_for_update(no_key=True).filter(pk__in=pair).order_by("pk"))
        at = _common_instant(member, pair, now)
        living = type(member).objects.living().filter(pk=member.pk, organization=origin)
        if not living.update(removed_at=at, removed_by_id=actor.id, removed_by_name=actor.name):
            raise NotThere
        moved = copy_of(member, organization=to)
        moved.added_at, moved.added_via = at, Via.MOVE
        moved.added_by_id, moved.added_by_name = actor.id, actor.name
        moved.save(force_insert=True)
        carry_aliases(member, moved)
        for organization in (origin, to):
            audit.record(
                actor=actor,
                action=f"{member.noun}.moved",
                subject=member.key,
                subject_id=member.pk,
                organization=organization,
                before={"organization": origin.name},
                after={"organization": to.name},
                now=now,
            )
    return moved


def _common_instant(member: CountedRow, organizations: list[int], now: datetime) -> datetime:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT usage_common_instant(%s, %s::bigint[], %s)",
            [member.metric.value, organizations, now],
        )
        (at,) = cursor.fetchone()
    return at  # type: ignore[no-any-return] # the function's type
