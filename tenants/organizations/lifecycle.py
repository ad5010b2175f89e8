"""Creating, capping and removing organizations."""

from datetime import datetime

from django.db import IntegrityError, connection, transaction

from core.actors import Actor
from tenants import audit
from tenants.models import Device, ManagedUser, Organization
from tenants.refusals import OrganizationRemoved, translated_refusals


class OrganizationLimitReached(Exception):
    """The provider has as many organizations as it may have."""

    def __init__(self, *, limit: int) -> None:
        super().__init__(f"all {limit} organizations are in use")
        self.limit = limit


class NameTaken(Exception):
    """Another living organization of the provider has this name."""


class OrganizationInUse(Exception):
    """Users or devices were added while the organization was being removed; nothing changed."""


@transaction.atomic
def create_organization(
    *, name: str, limit: int, actor: Actor, now: datetime, mau_limit: int | None = None
) -> Organization:
    """A new organization without users or cap, with a threshold of monthly active users or none.

    Raises `OrganizationLimitReached` at the provider's `limit`, also under concurrent creation,
    and `NameTaken`.
    """
    _lock_creation()
    if Organization.objects.filter(removed_at=None).count() >= limit:
        raise OrganizationLimitReached(limit=limit)
    organization = Organization(name=name, created_at=now, mau_limit=mau_limit)
    _save_name(organization)
    audit.record(
        actor=actor,
        action="organization.created",
        subject=name,
        organization=organization,
        after={"name": name, "mau_limit": mau_limit},
        now=now,
    )
    return organization


def _save_name(organization: Organization) -> None:
    try:
        with transaction.atomic():
            organization.save()
    except IntegrityError as error:
        raise NameTaken from error


def _lock_creation() -> None:
    # Two creators counting at once would both see room for the last one.
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM tenants_meteringpolicy WHERE id = 1 FOR UPDATE")


def _locked(organization: Organization) -> Organization:
    # Only against other changes: whoever adds users waits for nothing but the counter, which this
    # change waits for in turn. A full lock would stop their foreign key, and both for ever.
    return Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)


@transaction.atomic
def set_user_cap(
    *, organization: Organization, cap: int | None, actor: Actor, now: datetime
) -> Organization:
    """Cap the organization's users at `cap` (1 to 10,000), or lift the cap with None.

    A cap below the present count is allowed: nobody is added until the count falls below it.
    """
    locked = _locked(organization)
    before = locked.user_cap
    if before == cap:
        return locked
    locked.user_cap = cap
    locked.save(update_fields=["user_cap"])
    audit.record(
        actor=actor,
        action="organization.user_cap_changed",
        subject=locked.name,
        organization=locked,
        before={"user_cap": before},
        after={"user_cap": cap},
        now=now,
    )
    return locked


@transaction.atomic
def set_mau_limit(
    *, organization: Organization, threshold: int | None, actor: Actor, now: datetime
) -> Organization:
    """Let at most `threshold` users (1 to 10,000,000) be active in a month; any number with None.

    In force at once, in the running month too: one below the present number turns away whoever is
    new to the month, and nobody who was active in it before.
    """
    locked = _locked(organization)
    before = locked.mau_limit
    if before == threshold:
        return locked
    locked.mau_limit = threshold
    locked.save(update_fields=["mau_limit"])
    audit.record(
        actor=actor,
        action="organization.mau_limit_changed",
        subject=locked.name,
        organization=locked,
        before={"mau_limit": before},
        after={"mau_limit": threshold},
        now=now,
    )
    return locked


@transaction.atomic
def rename_organization(
    *, organization: Organization, name: str, actor: Actor, now: datetime
) -> Organization:
    """Give it another name; invoices already issued keep the old one. Raises `NameTaken`."""
    locked = _locked(organization)
    before = locked.name
    if before == name:
        return locked
    locked.name = name
    _save_name(locked)
    audit.record(
        actor=actor,
        action="organization.renamed",
        subject=name,
        organization=locked,
        before={"name": before},
        after={"name": name},
        now=now,
    )
    return locked


def remove_organization(*, organization: Organization, actor: Actor, now: datetime) -> None:
    """Remove it with all its users and devices; its name stays on usage and old invoices.

    What it used this month is still billed: a peak never falls. Raises `OrganizationInUse` when
    somebody adds to it at the same moment.
    """
    try:
        with translated_refusals():
            _remove(organization, actor=actor, now=now)
    except OrganizationRemoved as refusal:
        raise OrganizationInUse from refusal


def _remove(organization: Organization, *, actor: Actor, now: datetime) -> None:
    locked = _locked(organization)
    if locked.removed_at is not None:
        return
    gone = {"removed_at": now, "removed_by_id": actor.id, "removed_by_name": actor.name}
    users = ManagedUser.objects.filter(organization=locked, removed_at=None).update(**gone)
    devices = Device.objects.filter(organization=locked, removed_at=None).update(**gone)
    locked.removed_at = now
    locked.save(update_fields=["removed_at"])
    audit.record(
        actor=actor,
        action="organization.removed",
        subject=locked.name,
        organization=locked,
        before={"users": users, "devices": devices},
        now=now,
    )
