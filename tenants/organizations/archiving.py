"""Archiving an organization without users and devices, and restoring it (docs/decisions/0064)."""

from datetime import datetime

from django.db import IntegrityError, transaction

from core.actors import Actor
from tenants import audit
from tenants.models import Device, ManagedUser, MeteringPolicy, Organization
from tenants.organizations.lifecycle import NameTaken, OrganizationLimitReached
from tenants.refusals import OrganizationRemoved, translated_refusals


class StillInUse(Exception):
    """The organization has users or devices, which are counted."""

    def __init__(self, *, users: int, devices: int) -> None:
        super().__init__(f"{users} users, {devices} devices")
        self.users, self.devices = users, devices


class NotArchived(Exception):
    """The organization is not archived, or not any more, or was removed."""


def archive_organization(
    *, organization: Organization, actor: Actor, now: datetime
) -> Organization:
    """Take an organization without users and devices out of the lists; it can be restored.

    It counts nothing and takes none of the provider's organizations. Usage of the running month is
    still billed, and old invoices keep its name. Raises `StillInUse` and `NotArchived` for one that
    was removed or archived before.
    """
    try:
        with translated_refusals():
            locked = _locked(organization)
            if locked.removed_at is not None:
                raise NotArchived
            _require_empty(locked)
            locked.archived_at = locked.removed_at = now
            locked.save(update_fields=["archived_at", "removed_at"])
            _record("organization.archived", locked, actor=actor, now=now)
    except OrganizationRemoved as refusal:
        _require_empty(organization)
        raise StillInUse(users=0, devices=0) from refusal
    return locked


@transaction.atomic
def restore_organization(
    *, organization: Organization, limit: int, actor: Actor, now: datetime
) -> Organization:
    """Bring an archived organization back, with its cap, tags and administrators.

    Raises `OrganizationLimitReached` at the provider's `limit`, also under concurrent creation,
    `NameTaken` if another organization got its name meanwhile, and `NotArchived`.
    """
    MeteringPolicy.objects.select_for_update().get(pk=1)
    locked = _locked(organization)
    if locked.archived_at is None:
        raise NotArchived
    if Organization.objects.living().count() >= limit:
        raise OrganizationLimitReached(limit=limit)
    locked.archived_at = locked.removed_at = None
    try:
        with transaction.atomic():
            locked.save(update_fields=["archived_at", "removed_at"])
    except IntegrityError as error:
        raise NameTaken from error
    _record("organization.restored", locked, actor=actor, now=now)
    return locked


def _locked(organization: Organization) -> Organization:
    return Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)


def _require_empty(organization: Organization) -> None:
    users = ManagedUser.objects.living().filter(organization=organization).count()
    devices = Device.objects.living().filter(organization=organization).count()
    if users or devices:
        raise StillInUse(users=users, devices=devices)


def _record(action: str, organization: Organization, *, actor: Actor, now: datetime) -> None:
    audit.record(
        actor=actor, action=action, subject=organization.name, organization=organization, now=now
    )
