"""Creating, renaming and removing organizations, and their limits."""

from datetime import datetime

from django.db import IntegrityError, transaction

from core.actors import Actor
from tenants import audit
from tenants.models import Device, ManagedUser, MeteringPolicy, Organization
from tenants.refusals import OrganizationRemoved, translated_refusals


class OrganizationLimitReached(Exception):
    """The provider has as many organizations as its agreement allows."""

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
    """Create an organization without users or cap; `mau_limit` None is no limit.

    Raises `OrganizationLimitReached` at the provider's `limit`, also under concurrent creation,
    and `NameTaken`.
    """
    # Without this lock, two transactions that count at once could both create the last one.
    MeteringPolicy.objects.select_for_update().get(pk=1)
    if Organization.objects.living().count() >= limit:
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


def _locked(organization: Organization) -> Organization:
    # Without a key lock: an addition checks its foreign key to this row while it holds the counter
    # that this change waits for. A full lock would be a deadlock.
    return Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)


@transaction.atomic
def set_user_cap(
    *, organization: Organization, cap: int | None, actor: Actor, now: datetime
) -> Organization:
    """Cap the organization's users at `cap` (1 to 10,000), or remove the cap with None.

    A cap below the present count is allowed: no user can be added until the count falls below it.
    """
    return _set_limit("user_cap", organization=organization, value=cap, actor=actor, now=now)


@transaction.atomic
def set_mau_limit(
    *, organization: Organization, limit: int | None, actor: Actor, now: datetime
) -> Organization:
    """Limit the active users of a month to `limit` (1 to 10,000,000), or to any number with None.

    It applies at once, in the running month too: with a limit below the present number, further
    users are refused and those who were active before stay counted.
    """
    return _set_limit("mau_limit", organization=organization, value=limit, actor=actor, now=now)


def _set_limit(
    field: str, *, organization: Organization, value: int | None, actor: Actor, now: datetime
) -> Organization:
    locked = _locked(organization)
    before = getattr(locked, field)
    if before == value:
        return locked
    setattr(locked, field, value)
    locked.save(update_fields=[field])
    audit.record(
        actor=actor,
        action=f"organization.{field}_changed",
        subject=locked.name,
        organization=locked,
        before={field: before},
        after={field: value},
        now=now,
    )
    return locked


@transaction.atomic
def rename_organization(
    *, organization: Organization, name: str, actor: Actor, now: datetime
) -> Organization:
    """Change the name; issued invoices keep the old one. Raises `NameTaken`."""
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
    """Remove the organization with all its users and devices; usage and invoices keep its name.

    Its usage of the running month is still billed, because a peak never falls. Raises
    `OrganizationInUse` when a user or device is added at the same moment.
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
    removal = {"removed_at": now, "removed_by_id": actor.id, "removed_by_name": actor.name}
    users = ManagedUser.objects.living().filter(organization=locked).update(**removal)
    devices = Device.objects.living().filter(organization=locked).update(**removal)
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
