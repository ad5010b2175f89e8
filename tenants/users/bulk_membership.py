"""Many users or devices in one statement: as the single additions are, counted and capped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from core.actors import Actor
from tenants.models import ManagedUser, Organization
from tenants.refusals import translated_refusals
from tenants.users.membership import Via

# The database's order of additions is that of the list: "who was the tenth?" has that answer.
_ADD_USERS = """
    INSERT INTO tenants_manageduser (organization_id, email, name, state,
                                     added_at, added_by_id, added_by_name, added_via)
    SELECT %s, u.email, u.name, u.state, %s, %s, %s, %s
    FROM unnest(%s::text[], %s::text[], %s::text[]) WITH ORDINALITY AS u (email, name, state, place)
    ORDER BY u.place
    ON CONFLICT (organization_id, lower(email)) WHERE removed_at IS NULL DO NOTHING
    RETURNING email
"""
_ADD_DEVICES = """
    INSERT INTO tenants_device (organization_id, serial_number, name,
                                added_at, added_by_id, added_by_name, added_via)
    SELECT %s, d.serial_number, d.name, %s, %s, %s, %s
    FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS d (serial_number, name, place)
    ORDER BY d.place
    ON CONFLICT (organization_id, lower(serial_number)) WHERE removed_at IS NULL DO NOTHING
    RETURNING serial_number
"""


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user to be added; the address in lower case."""

    email: str
    name: str
    state: ManagedUser.State = ManagedUser.State.ACTIVE


@dataclass(frozen=True, slots=True)
class NewDevice:
    """A device to be added."""

    serial_number: str
    name: str


def add_users(
    *,
    organization: Organization,
    users: Sequence[NewUser],
    actor: Actor,
    via: Via,
    now: datetime,
) -> set[str]:
    """Add the users in one statement, in their order; the addresses of those that came in.

    Who is there already is left out. Raises `UserCapReached` and adds nobody when the rest would
    pass the cap or the free allowance, `OrganizationRemoved` when the organization is gone. The
    caller records what was done.
    """
    return _run(
        _ADD_USERS,
        [organization.pk, now, actor.id, actor.name, via],
        [user.email for user in users],
        [user.name for user in users],
        [user.state.value for user in users],
    )


def add_devices(
    *,
    organization: Organization,
    devices: Sequence[NewDevice],
    actor: Actor,
    via: Via,
    now: datetime,
) -> set[str]:
    """Add the devices in one statement, in their order; the serial numbers of those that came in.

    Raises `OrganizationRemoved`. The caller records what was done.
    """
    return _run(
        _ADD_DEVICES,
        [organization.pk, now, actor.id, actor.name, via],
        [device.serial_number for device in devices],
        [device.name for device in devices],
    )


def _run(
    statement: str, values: list[int | str | datetime | None], *columns: list[str]
) -> set[str]:
    with translated_refusals(), connection.cursor() as cursor:
        cursor.execute(statement, [*values, *columns])
        return {key for (key,) in cursor.fetchall()}
