"""Users and devices coming and going: the only domain calls that change what is counted.

The counting itself, the cap and the event log are the database's (0002_metering.sql).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum

from django.db import IntegrityError, transaction

from core.actors import Actor
from tenants import audit
from tenants.models import CountedRow, Device, ManagedUser, Organization
from tenants.refusals import translated_refusals

UNIQUE_VIOLATION = "23505"


class Via(StrEnum):
    """The way something came in, kept with its event."""

    FORM = "form"
    IMPORT = "import"
    DEMO = "demo"
    API = "api"


class AlreadyThere(Exception):
    """The organization has a living user of this e-mail, device of this serial number, or either of
    this external id.
    """


def add_user(
    *,
    organization: Organization,
    email: str,
    name: str,
    actor: Actor,
    via: Via,
    now: datetime,
    external_id: str | None = None,
) -> ManagedUser:
    """Add a user, counted from `now`.

    Raises `UserCapReached` when the cap or the free allowance is used up, `AlreadyThere` for a
    second live user of the same e-mail, `OrganizationRemoved` when it is gone.
    """
    user = ManagedUser(
        organization=organization,
        email=email,
        name=name,
        external_id=external_id,
        added_at=now,
        added_by_id=actor.id,
        added_by_name=actor.name,
        added_via=via,
    )
    with _adding():
        user.save(force_insert=True)
        _record(actor=actor, action="user.added", row=user, subject=email, now=now)
    return user


def add_device(
    *,
    organization: Organization,
    name: str,
    serial_number: str,
    actor: Actor,
    via: Via,
    now: datetime,
    external_id: str | None = None,
) -> Device:
    """Add a device, counted from `now`. Raises `AlreadyThere` and `OrganizationRemoved`."""
    device = Device(
        organization=organization,
        name=name,
        serial_number=serial_number,
        external_id=external_id,
        added_at=now,
        added_by_id=actor.id,
        added_by_name=actor.name,
        added_via=via,
    )
    with _adding():
        device.save(force_insert=True)
        _record(actor=actor, action="device.added", row=device, subject=serial_number, now=now)
    return device


@transaction.atomic
def remove_user(*, user: ManagedUser, actor: Actor, now: datetime) -> None:
    """Remove a user, no longer counted from `now`; a second removal changes nothing."""
    live = ManagedUser.objects.filter(pk=user.pk, removed_at=None)
    if live.update(removed_at=now, removed_by_id=actor.id, removed_by_name=actor.name):
        _record(actor=actor, action="user.removed", row=user, subject=user.email, now=now)


@transaction.atomic
def remove_device(*, device: Device, actor: Actor, now: datetime) -> None:
    """Remove a device, no longer counted from `now`; a second removal changes nothing."""
    live = Device.objects.filter(pk=device.pk, removed_at=None)
    if live.update(removed_at=now, removed_by_id=actor.id, removed_by_name=actor.name):
        subject = device.serial_number
        _record(actor=actor, action="device.removed", row=device, subject=subject, now=now)


@transaction.atomic
def set_user_state(
    *, user: ManagedUser, state: ManagedUser.State, actor: Actor, now: datetime
) -> None:
    """Suspend or reactivate. A suspended user still counts (docs/facts/product.md, What counts)."""
    changed = (
        ManagedUser.objects.filter(pk=user.pk, removed_at=None)
        .exclude(state=state)
        .update(state=state)
    )
    if changed:
        _record(actor=actor, action=f"user.{state}", row=user, subject=user.email, now=now)


@contextmanager
def _adding() -> Iterator[None]:
    """One transaction of row and audit entry; its refusals as exceptions of the domain."""
    try:
        with translated_refusals():
            yield
    except IntegrityError as error:
        if getattr(error.__cause__, "sqlstate", "") != UNIQUE_VIOLATION:
            raise
        raise AlreadyThere from error


def _record(*, actor: Actor, action: str, row: CountedRow, subject: str, now: datetime) -> None:
    audit.record(
        actor=actor,
        action=action,
        subject=subject,
        organization=row.organization,
        now=now,
    )
