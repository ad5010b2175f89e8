"""Idempotent additions for a provider's own system, by the external id it gives to a member.

A system that received no answer sends the request again. A member with the same external id is then
returned instead of added. An external id that would mean two different members is a conflict, and
nothing is added.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic

from django.db import IntegrityError, connection, transaction

from core.actors import Actor
from tenants import audit
from tenants.models import CountedRow, MemberQuerySet, Organization
from tenants.users.bulk_membership import NewMember, add_members
from tenants.users.membership import AlreadyThere, Member, Via, add_member

# Upper and lower case are compared by the database, as its unique index does it.
_FIND = """
    SELECT m.id FROM unnest(%s::text[]) WITH ORDINALITY AS e (key, position)
    LEFT JOIN {table} m
        ON m.organization_id = %s AND m.removed_at IS NULL AND lower(m.{key}) = lower(e.key)
    ORDER BY e.position
"""


@dataclass(frozen=True, slots=True)
class Ensured(Generic[Member]):
    """The members in the order of the request, and how many of them were added."""

    rows: list[Member]
    added: int


@dataclass
class Conflicts(Exception):
    """Entries (by their position in the list) that conflict with another entry or a member."""

    places: list[int]

    def __str__(self) -> str:
        return f"{len(self.places)} entries clash"


def ensure_member(
    *,
    model: type[Member],
    organization: Organization,
    entry: NewMember,
    actor: Actor,
    now: datetime,
) -> tuple[Member, bool]:
    """Return the member with this external id and False, or add it and return True.

    Raises `AlreadyThere` when the key or the external id belongs to another member (without an
    external id: when the key exists), and what `add_member` raises.
    """
    member = _by_external_id(model, organization, entry)
    if member is None:
        new = model(
            organization=organization,
            name=entry.name,
            external_id=entry.external_id,
            **{model.key_field: entry.key},
        )
        try:
            return add_member(member=new, actor=actor, via=Via.API, now=now), True
        except AlreadyThere:
            # The same request may have been sent twice at once, and the other one was first.
            member = _by_external_id(model, organization, entry)
    if member is None or member.key.lower() != entry.key.lower():
        raise AlreadyThere
    return member, False


def _by_external_id(
    model: type[Member], organization: Organization, entry: NewMember
) -> Member | None:
    if entry.external_id is None:
        return None
    living = model.objects.living()
    member: Member | None = living.filter(
        organization=organization, external_id=entry.external_id
    ).first()
    return member


def set_external_id(
    *, member: CountedRow, external_id: str | None, actor: Actor, now: datetime
) -> None:
    """Change a living member's external id; None removes it. A removed member is left unchanged.

    Raises `AlreadyThere` when another member has it.
    """
    try:
        with transaction.atomic():
            living = type(member).objects.living().filter(pk=member.pk)
            if living.exclude(external_id=external_id).update(external_id=external_id):
                audit.record(
                    actor=actor,
                    action=f"{member.noun}.external_id_changed",
                    subject=member.key,
                    organization=member.organization,
                    before={"external_id": member.external_id},
                    after={"external_id": external_id},
                    now=now,
                )
    except IntegrityError as error:
        raise AlreadyThere from error
    member.external_id = external_id


@transaction.atomic
def ensure_members(
    *,
    model: type[Member],
    organization: Organization,
    entries: Sequence[NewMember],
    actor: Actor,
    now: datetime,
) -> Ensured[Member]:
    """Add in one statement the members that do not exist, and return all of them; all or none.

    Raises `Conflicts`, `UserCapReached` when the new ones would pass the cap, and
    `OrganizationRemoved`.
    """
    _refuse_duplicates(entries)
    added = len(
        add_members(
            model=model,
            organization=organization,
            members=entries,
            actor=actor,
            via=Via.API,
            now=now,
        )
    )
    rows = _in_order(model, organization, entries)
    if added:
        audit.record(
            actor=actor,
            action=f"{model.noun}s.added",
            subject=organization.name,
            organization=organization,
            after={"added": added},
            now=now,
        )
    return Ensured(rows=rows, added=added)


def _refuse_duplicates(entries: Sequence[NewMember]) -> None:
    seen: set[tuple[str, str]] = set()
    positions = []
    for position, entry in enumerate(entries):
        names = {("key", entry.key.lower())}
        if entry.external_id is not None:
            names.add(("external_id", entry.external_id))
        if names & seen:
            positions.append(position)
        seen |= names
    if positions:
        raise Conflicts(positions)


def _in_order(
    model: type[Member], organization: Organization, entries: Sequence[NewMember]
) -> list[Member]:
    with connection.cursor() as cursor:
        cursor.execute(
            _FIND.format(table=model._meta.db_table, key=model.key_field),
            [[entry.key for entry in entries], organization.pk],
        )
        ids = [row_id for (row_id,) in cursor.fetchall()]
    rows: MemberQuerySet = model.objects.all()
    by_id: dict[int, Member] = rows.in_bulk(ids)
    members = [by_id.get(row_id) for row_id in ids]
    positions = [
        position
        for position, (entry, member) in enumerate(zip(entries, members, strict=True))
        if member is None or entry.external_id not in {None, member.external_id}
    ]
    if positions:
        raise Conflicts(positions)
    return [member for member in members if member is not None]
