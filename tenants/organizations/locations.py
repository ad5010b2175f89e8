"""The locations of an organization, and the location of a device."""

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from core.actors import Actor
from tenants import audit
from tenants.models import Device, Location, Organization


class LocationNameTaken(Exception):
    """The organization has another location of this name."""


class NotOfThisOrganization(ValueError):
    """The location belongs to another organization than the device."""


@transaction.atomic
def add_location(
    *, organization: Organization, name: str, address: str, actor: Actor, now: datetime
) -> Location:
    """Add a location without devices. Raises `LocationNameTaken`."""
    location = Location(organization=organization, name=name, address=address)
    _save(location)
    _record("location.added", location, actor=actor, after=_values(location), now=now)
    return location


@transaction.atomic
def change_location(
    *, location: Location, name: str, address: str, actor: Actor, now: datetime
) -> Location:
    """Change the name or address; its devices stay. Raises `LocationNameTaken`."""
    current = Location.objects.select_for_update().get(pk=location.pk)
    before = _values(current)
    current.name, current.address = name, address
    if _values(current) == before:
        return current
    _save(current)
    _record(
        "location.changed", current, actor=actor, before=before, after=_values(current), now=now
    )
    return current


@transaction.atomic
def remove_location(*, location: Location, actor: Actor, now: datetime) -> None:
    """Remove the location; its devices stay with the organization, without a location."""
    _record("location.removed", location, actor=actor, before=_values(location), now=now)
    location.delete()


@transaction.atomic
def set_device_location(
    *, device: Device, location: Location | None, actor: Actor, now: datetime
) -> None:
    """Change a device's location, None for an unknown one; no count depends on it.

    Raises `NotOfThisOrganization`.
    """
    if location is not None and location.organization_id != device.organization_id:
        raise NotOfThisOrganization
    current = Device.objects.select_for_update(of=("self",)).get(pk=device.pk)
    if current.location_id == (location.pk if location else None):
        return
    before = str(current.location) if current.location else None
    current.location = location
    current.save(update_fields=["location"])
    audit.record(
        actor=actor,
        action="device.placed",
        subject=device.serial_number,
        subject_id=device.pk,
        organization=device.organization,
        before={"location": before},
        after={"location": str(location) if location else None},
        now=now,
    )


def _save(location: Location) -> None:
    try:
        with transaction.atomic():
            location.save()
    except IntegrityError as error:
        raise LocationNameTaken from error


def _values(location: Location) -> dict[str, str]:
    return {"name": location.name, "address": location.address}


def _record(
    action: str,
    location: Location,
    *,
    actor: Actor,
    now: datetime,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    audit.record(
        actor=actor,
        action=action,
        subject=location.name,
        subject_id=location.pk,
        organization=location.organization,
        before=before,
        after=after,
        now=now,
    )
