"""The users and devices of an organization; each addition and removal is counted at once."""

from datetime import datetime
from typing import Any, Literal

from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils import timezone
from ninja import Query, Router, Schema, Status
from pydantic import Field

from accounts.api_access import ApiRequest, api_actor
from tenants.access import organization_or_404, owned_or_404
from tenants.api.fields import (
    LARGEST_BULK,
    Body,
    Email,
    ExternalId,
    Name,
    OptionalName,
    Page,
    PageQuery,
    SerialNumber,
    page_of,
)
from tenants.models import CountedRow, Device, ManagedUser, UserAlias
from tenants.users.bulk_membership import NewMember
from tenants.users.changes import change_user as change_name_of
from tenants.users.changes import end_alias
from tenants.users.external_ids import ensure_device, ensure_devices, set_external_id
from tenants.users.membership import remove_member, set_user_state
from tenants.users.upserts import ensure_user, ensure_users

users = Router(tags=["Users"])
devices = Router(tags=["Devices"])
USERS = "/organizations/{organization_id}/users"
DEVICES = "/organizations/{organization_id}/devices"


class AliasOut(Schema):
    """An earlier address of a user, or an id in another directory."""

    id: int
    kind: Literal["address", "external_id"]
    text: str


class UserOut(Schema):
    """A user who is counted, suspended or not."""

    id: int
    email: str
    name: str
    state: Literal["active", "suspended"]
    external_id: str | None
    added_at: datetime
    aliases: list[AliasOut]

    @staticmethod
    def resolve_aliases(user: ManagedUser) -> list[UserAlias]:
        """The other names by which the user is found; a user who was just added has none."""
        if getattr(user, "is_new", False):
            return []
        return [alias for alias in user.aliases.all() if alias.ended_at is None]


class DeviceOut(Schema):
    """A device that is counted."""

    id: int
    serial_number: str
    name: str
    external_id: str | None
    added_at: datetime


class NewUser(Body):
    """A user to add. With an external id, a repeated request adds once."""

    email: Email
    name: OptionalName = ""
    external_id: ExternalId | None = None


class NewDevice(Body):
    """A device to add. With an external id, a repeated request adds once."""

    serial_number: SerialNumber
    name: Name
    external_id: ExternalId | None = None


class NewUsers(Body):
    """Users to add, all or none."""

    users: list[NewUser] = Field(min_length=1, max_length=LARGEST_BULK)


class NewDevices(Body):
    """Devices to add, all or none."""

    devices: list[NewDevice] = Field(min_length=1, max_length=LARGEST_BULK)


class EnsuredUsers(Schema):
    """All of them in the order of the request; `added` of them are new."""

    added: int
    items: list[UserOut]


class EnsuredDevices(Schema):
    """All of them in the order of the request; `added` of them are new."""

    added: int
    items: list[DeviceOut]


class UserChange(Body):
    """The changes; a member that is left out is not changed.

    With another address or name the user stays the same, and counts once. The earlier address
    becomes an alias.
    """

    email: Email | None = None
    name: OptionalName | None = None
    state: Literal["active", "suspended"] | None = None
    external_id: ExternalId | None = None


class MemberQuery(PageQuery):
    """A page of members, or the one with this external id."""

    external_id: ExternalId | None = None


def _list(
    rows: QuerySet[Any], organization_id: int, query: MemberQuery, *, with_id: Q
) -> dict[str, Any]:
    rows = rows.filter(organization=organization_or_404(organization_id=organization_id))
    return page_of(rows if query.external_id is None else rows.filter(with_id), query)


def _delete(
    request: ApiRequest, model: type[CountedRow], organization_id: int, pk: int
) -> Status[None]:
    organization = organization_or_404(organization_id=organization_id)
    member = owned_or_404(model, organization=organization, pk=pk)
    remove_member(member=member, actor=api_actor(request), now=timezone.now())
    return Status(204, None)


@users.get(USERS, response=Page[UserOut], summary="List users")
def list_users(
    request: ApiRequest,  # noqa: ARG001 - ninja's signature
    organization_id: int,
    query: Query[MemberQuery],
) -> dict[str, Any]:
    """Users who are counted, in order of id."""
    aliases = UserAlias.objects.filter(
        kind=UserAlias.Kind.EXTERNAL_ID, key=query.external_id, ended_at=None
    )
    with_id = Q(external_id=query.external_id) | Q(pk__in=aliases.values("user"))
    rows = ManagedUser.objects.living().prefetch_related("aliases")
    return _list(rows, organization_id, query, with_id=with_id)


@users.post(USERS, response={200: UserOut, 201: UserOut}, summary="Add a user")
def add_user(request: ApiRequest, organization_id: int, body: NewUser) -> Status[Any]:
    """201 when added; 200 when a user with this external id exists, who gets this e-mail and name.

    A user with this e-mail who has no external id, or one of another directory, gets this one too:
    200. Two accounts with external ids of the same system may share an e-mail.

    409 when the user cap is reached (with the cap and the contact), and when another user has the
    e-mail.
    """
    user, is_new = ensure_user(
        organization=organization_or_404(organization_id=organization_id),
        entry=NewMember(body.email, body.name, body.external_id),
        actor=api_actor(request),
        now=timezone.now(),
    )
    user.is_new = is_new  # type: ignore[attr-defined] # for its aliases
    return Status(201 if is_new else 200, user)


@users.post(USERS + "/bulk", response=EnsuredUsers, summary="Add many users")
def add_users(request: ApiRequest, organization_id: int, body: NewUsers) -> dict[str, Any]:
    """Up to 1,000, all or none; existing users are found and changed as by adding one user.

    Without an external id, existing users are left unchanged.
    """
    ensured = ensure_users(
        organization=organization_or_404(organization_id=organization_id),
        entries=[NewMember(user.email, user.name, user.external_id) for user in body.users],
        actor=api_actor(request),
        now=timezone.now(),
    )
    return {"added": ensured.added, "items": ensured.rows}


@users.patch(USERS + "/{user_id}", response=UserOut, summary="Change a user")
def change_user(
    request: ApiRequest, organization_id: int, user_id: int, body: UserChange
) -> ManagedUser:
    """E-mail, name, state and external id. A suspended user counts; a removed one is a 404.

    409 when another user has the e-mail or the external id.
    """
    organization = organization_or_404(organization_id=organization_id)
    user = owned_or_404(ManagedUser, organization=organization, pk=user_id)
    if user.removed_at is not None:
        raise Http404
    actor, now = api_actor(request), timezone.now()
    email = user.email if body.email is None else body.email
    name = user.name if body.name is None else body.name
    with transaction.atomic():
        change_name_of(user=user, email=email, name=name, actor=actor, now=now)
        if "external_id" in body.model_fields_set:
            set_external_id(member=user, external_id=body.external_id, actor=actor, now=now)
        if body.state is not None:
            state = ManagedUser.State(body.state)
            set_user_state(user=user, state=state, actor=actor, now=now)
    user.refresh_from_db()
    return user


@users.delete(USERS + "/{user_id}/aliases/{alias_id}", response={204: None}, summary="End an alias")
def delete_alias(
    request: ApiRequest, organization_id: int, user_id: int, alias_id: int
) -> Status[None]:
    """The user is no longer found by it, and another person may have it."""
    organization = organization_or_404(organization_id=organization_id)
    user = owned_or_404(ManagedUser, organization=organization, pk=user_id)
    alias = user.aliases.filter(pk=alias_id).first()
    if alias is None:
        raise Http404
    alias.user = user
    end_alias(alias=alias, actor=api_actor(request), now=timezone.now())
    return Status(204, None)


@users.delete(USERS + "/{user_id}", response={204: None}, summary="Remove a user")
def delete_user(request: ApiRequest, organization_id: int, user_id: int) -> Status[None]:
    """No longer counted from now on; removing again changes nothing."""
    return _delete(request, ManagedUser, organization_id, user_id)


@devices.get(DEVICES, response=Page[DeviceOut], summary="List devices")
def list_devices(
    request: ApiRequest,  # noqa: ARG001 - ninja's signature
    organization_id: int,
    query: Query[MemberQuery],
) -> dict[str, Any]:
    """Devices that are counted, in order of id."""
    with_id = Q(external_id=query.external_id)
    return _list(Device.objects.living(), organization_id, query, with_id=with_id)


@devices.post(DEVICES, response={200: DeviceOut, 201: DeviceOut}, summary="Add a device")
def add_device(request: ApiRequest, organization_id: int, body: NewDevice) -> Status[Any]:
    """201 when added; 200 when a device with this external id exists."""
    device, is_new = ensure_device(
        organization=organization_or_404(organization_id=organization_id),
        entry=NewMember(body.serial_number, body.name, body.external_id),
        actor=api_actor(request),
        now=timezone.now(),
    )
    return Status(201 if is_new else 200, device)


@devices.post(DEVICES + "/bulk", response=EnsuredDevices, summary="Add many devices")
def add_devices(request: ApiRequest, organization_id: int, body: NewDevices) -> dict[str, Any]:
    """Up to 1,000 in one statement, all or none; existing devices are left unchanged."""
    ensured = ensure_devices(
        organization=organization_or_404(organization_id=organization_id),
        entries=[NewMember(one.serial_number, one.name, one.external_id) for one in body.devices],
        actor=api_actor(request),
        now=timezone.now(),
    )
    return {"added": ensured.added, "items": ensured.rows}


@devices.delete(DEVICES + "/{device_id}", response={204: None}, summary="Remove a device")
def delete_device(request: ApiRequest, organization_id: int, device_id: int) -> Status[None]:
    """No longer counted from now on; removing again changes nothing."""
    return _delete(request, Device, organization_id, device_id)
