"""Idempotent additions of devices for a provider's own system, by the external id it gives to them.

A system that received no answer sends the request again. A device with the same external id is then
returned instead of added. An external id that would mean two different devices is a conflict, and
nothing is added. Users: `tenants/users/upserts.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic

from django.db import IntegrityError, connection, transaction

from core.actors import Actor
from tenants import audit
from tenants.models import CountedRow, Device, Organization
from tenants.users.bulk_membership import NewMember, add_members
from tenants.users.membership import AlreadyThere, Member, Via, add_member

# Upper and lower case are compared by the database, as its unique index does it.
_FIND = """
    SELECT m.id FROM unnest(%s::text[]) WITH ORDINALITY AS e (key, position)
    LEFT JOIN tenants_device m
        ON m.organization_id = %s AND m.removed_at IS NULL AND lower(m.serial_number) = lower(e.key)
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


def ensure_device(
    *,
    organization: Organization,
    entry: NewMember,
    actor: Actor,
    now: datetime,
) -> tuple[Device, bool]:
    """Return the device with this external id and False, or add it and return True.

    Raises `AlreadyThere` when the serial number or the external id belongs to another device
    (without an external id: when the serial number exists), and what `add_member` raises.
    """
    device = _by_external_id(organization, entry)
    if device is None:
        new = Device(
            organization=organization,
            name=entry.name,
            external_id=entry.external_id,
            serial_number=entry.key,
        )
        try:
            return add_member(member=new, actor=actor, via=Via.API, now=now), True
        except AlreadyThere:
            # The same request may have been sent twice at once, and the other one was first.
            device = _by_external_id(organization, entry)
    if device is None or device.key.lower() != entry.key.lower():
        raise AlreadyThere
    return device, False


def _by_external_id(organization: Organization, entry: NewMember) -> Device | None:
    if entry.external_id is None:
        return None
    living = Device.objects.living()
    device: Device | None = living.filter(
        organization=organization, external_id=entry.external_id
    ).first()
    return device


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
                    subject_id=member.pk,
                    organization=member.organization,
                    before={"external_id": member.external_id},
                    after={"external_id": external_id},
                    now=now,
                )
    except IntegrityError as error:
        raise AlreadyThere from error
    member.external_id = external_id


@transaction.atomic
def ensure_devices(
    *,
    organization: Organization,
    entries: Sequence[NewMember],
    actor: Actor,
    now: datetime,
) -> Ensured[Device]:
    """Add in one statement the devices that do not exist, and return all of them; all or none.

    Raises `Conflicts` and `OrganizationRemoved`.
    """
    _refuse_duplicates(entries)
    added = len(
        add_members(
            model=Device,
            organization=organization,
            members=entries,
            actor=actor,
            via=Via.API,
            now=now,
        )
    )
    rows = _in_order(organization, entries)
    if added:
        audit.record(
            actor=actor,
            action="devices.added",
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


def _in_order(organization: Organization, entries: Sequence[NewMember]) -> list[Device]:
    with connection.cursor() as cursor:
        cursor.execute(_FIND, [[entry.key for entry in entries], organization.pk])
        ids = [row_id for (row_id,) in cursor.fetchall()]
    by_id = Device.objects.in_bulk(ids)
    members = [by_id.get(row_id) for row_id in ids]
    positions = [
        position
        for position, (entry, member) in enumerate(zip(entries, members, strict=True))
        if member is None or entry.external_id not in {None, member.external_id}
    ]
    if positions:
        raise Conflicts(positions)
    return [member for member in members if member is not None]
