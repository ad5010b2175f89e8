"""Users and devices as a provider's own system knows them: added once, however often it asks.

A system that got no answer asks again. What it names by an external id is then found instead of
added; one id that would mean two different users or devices is a conflict, and nothing is added.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.db import IntegrityError, connection, transaction

from core.actors import Actor
from tenants import audit
from tenants.models import CountedRow, Device, ManagedUser, Organization
from tenants.refusals import translated_refusals
from tenants.users.membership import AlreadyThere, Via, add_device, add_user

Row = TypeVar("Row", ManagedUser, Device)
_ADD_USERS = """
    INSERT INTO tenants_manageduser (organization_id, email, name, external_id,
                                     added_at, added_by_id, added_by_name, added_via)
    SELECT %s, u.key, u.name, u.external_id, %s, %s, %s, %s
    FROM unnest(%s::text[], %s::text[], %s::text[])
        WITH ORDINALITY AS u (key, name, external_id, place)
    ORDER BY u.place
    ON CONFLICT DO NOTHING
    RETURNING id
"""
_ADD_DEVICES = """
    INSERT INTO tenants_device (organization_id, serial_number, name, external_id,
                                added_at, added_by_id, added_by_name, added_via)
    SELECT %s, d.key, d.name, d.external_id, %s, %s, %s, %s
    FROM unnest(%s::text[], %s::text[], %s::text[])
        WITH ORDINALITY AS d (key, name, external_id, place)
    ORDER BY d.place
    ON CONFLICT DO NOTHING
    RETURNING id
"""
_FIND_USERS = """
    SELECT u.id FROM unnest(%s::text[]) WITH ORDINALITY AS e (key, place)
    LEFT JOIN tenants_manageduser u
        ON u.organization_id = %s AND u.removed_at IS NULL AND lower(u.email) = lower(e.key)
    ORDER BY e.place
"""
_FIND_DEVICES = """
    SELECT d.id FROM unnest(%s::text[]) WITH ORDINALITY AS e (key, place)
    LEFT JOIN tenants_device d
        ON d.organization_id = %s AND d.removed_at IS NULL AND lower(d.serial_number) = lower(e.key)
    ORDER BY e.place
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A user or device to be there: `key` is its e-mail (lower case) or serial number."""

    key: str
    name: str
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class Ensured(Generic[Row]):
    """What is there now, in the order asked for, and how many of them were added."""

    rows: list[Row]
    added: int


@dataclass
class Conflicts(Exception):
    """Entries (by their place in the list) that clash with another, or with what is there."""

    places: list[int]

    def __str__(self) -> str:
        return f"{len(self.places)} entries clash"


def ensure_user(
    *, organization: Organization, entry: Entry, actor: Actor, now: datetime
) -> tuple[ManagedUser, bool]:
    """The user of this external id, added unless there; True when added.

    Raises `AlreadyThere` when the e-mail or the external id is another user's (without an external
    id: when the e-mail is there at all), and what `add_user` raises.
    """

    def add() -> ManagedUser:
        return add_user(
            organization=organization,
            email=entry.key,
            name=entry.name,
            external_id=entry.external_id,
            actor=actor,
            via=Via.API,
            now=now,
        )

    return _ensure(ManagedUser, organization, entry, add)


def ensure_device(
    *, organization: Organization, entry: Entry, actor: Actor, now: datetime
) -> tuple[Device, bool]:
    """The device of this external id, added unless there; True when added. As `ensure_user`."""

    def add() -> Device:
        return add_device(
            organization=organization,
            name=entry.name,
            serial_number=entry.key,
            external_id=entry.external_id,
            actor=actor,
            via=Via.API,
            now=now,
        )

    return _ensure(Device, organization, entry, add)


def ensure_users(
    *, organization: Organization, entries: Sequence[Entry], actor: Actor, now: datetime
) -> Ensured[ManagedUser]:
    """All the users, those who are missing added in one statement; all or none.

    Raises `Conflicts`, `UserCapReached` when those missing would pass the cap, and
    `OrganizationRemoved`.
    """
    return _ensure_all(ManagedUser, organization, entries, actor=actor, now=now)


def ensure_devices(
    *, organization: Organization, entries: Sequence[Entry], actor: Actor, now: datetime
) -> Ensured[Device]:
    """All the devices, those missing added in one statement; all or none. As `ensure_users`."""
    return _ensure_all(Device, organization, entries, actor=actor, now=now)


def _key_of(row: CountedRow) -> str:
    key = row.email if isinstance(row, ManagedUser) else getattr(row, "serial_number", "")
    return str(key).lower()


def _is_of(row: CountedRow, entry: Entry) -> bool:
    external_id = getattr(row, "external_id", None)
    return _key_of(row) == entry.key.lower() and external_id == entry.external_id


def _ensure(
    model: type[Row], organization: Organization, entry: Entry, add: Callable[[], Row]
) -> tuple[Row, bool]:
    found = _by_external_id(model, organization, entry)
    if found is None:
        try:
            return add(), True
        except AlreadyThere:
            # Perhaps the same request, sent twice at once: the other one was first.
            found = _by_external_id(model, organization, entry)
    if found is None or not _is_of(found, entry):
        raise AlreadyThere
    return found, False


def _by_external_id(model: type[Row], organization: Organization, entry: Entry) -> Row | None:
    if entry.external_id is None:
        return None
    rows: Any = model.objects.filter(
        organization=organization, removed_at=None, external_id=entry.external_id
    )
    found: Row | None = rows.first()
    return found


def set_external_id(
    *, row: ManagedUser | Device, external_id: str | None, actor: Actor, now: datetime
) -> None:
    """Give a living user or device its external id, or take it away with None.

    Raises `AlreadyThere` when it is another one's. A removed row is left as it was.
    """
    noun = "user" if isinstance(row, ManagedUser) else "device"
    try:
        with transaction.atomic():
            living = type(row).objects.filter(pk=row.pk, removed_at=None)
            changed = living.exclude(external_id=external_id).update(external_id=external_id)
            if changed:
                audit.record(
                    actor=actor,
                    action=f"{noun}.external_id_changed",
                    subject=str(row),
                    organization=row.organization,
                    before={"external_id": row.external_id},
                    after={"external_id": external_id},
                    now=now,
                )
    except IntegrityError as error:
        raise AlreadyThere from error
    row.external_id = external_id


@transaction.atomic
def _ensure_all(
    model: type[Row],
    organization: Organization,
    entries: Sequence[Entry],
    *,
    actor: Actor,
    now: datetime,
) -> Ensured[Row]:
    _refuse_twice(entries)
    values: list[Any] = [organization.pk, now, actor.id, actor.name, Via.API.value]
    values.append([entry.key for entry in entries])
    values.append([entry.name for entry in entries])
    values.append([entry.external_id for entry in entries])
    with translated_refusals(), connection.cursor() as cursor:
        cursor.execute(_ADD_USERS if model is ManagedUser else _ADD_DEVICES, values)
        added = len(cursor.fetchall())
    rows = _in_order(model, organization, entries)
    if added:
        noun = "users" if model is ManagedUser else "devices"
        audit.record(
            actor=actor,
            action=f"{noun}.added",
            subject=organization.name,
            organization=organization,
            after={"added": added},
            now=now,
        )
    return Ensured(rows=rows, added=added)


def _refuse_twice(entries: Sequence[Entry]) -> None:
    seen: set[tuple[str, str]] = set()
    places = []
    for place, entry in enumerate(entries):
        names = {("key", entry.key.lower())}
        if entry.external_id is not None:
            names.add(("external_id", entry.external_id))
        if names & seen:
            places.append(place)
        seen |= names
    if places:
        raise Conflicts(places)


def _in_order(model: type[Row], organization: Organization, entries: Sequence[Entry]) -> list[Row]:
    with connection.cursor() as cursor:
        # The database's own idea of upper and lower case, as its unique index has it.
        cursor.execute(
            _FIND_USERS if model is ManagedUser else _FIND_DEVICES,
            [[entry.key for entry in entries], organization.pk],
        )
        ids = [row_id for (row_id,) in cursor.fetchall()]
    rows: dict[int, Row] = model.objects.in_bulk(ids)
    found = [rows.get(row_id) for row_id in ids]
    places = [
        place
        for place, (entry, row) in enumerate(zip(entries, found, strict=True))
        if row is None or entry.external_id not in {None, row.external_id}
    ]
    if places:
        raise Conflicts(places)
    return [row for row in found if row is not None]
