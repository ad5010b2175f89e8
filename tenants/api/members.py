"""The users and devices of an organization; each addition and removal is counted at once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

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
from tenants.models import CountedRow, Device, ManagedUser
from tenants.users.bulk_membership import NewMember
from tenants.users.external_ids import ensure_member, ensure_members, set_external_id
from tenants.users.membership import remove_member, set_user_state

users = Router(tags=["Users"])
devices = Router(tags=["Devices"])
USERS = "/organizations/{organization_id}/users"
DEVICES = "/organizations/{organization_id}/devices"


class UserOut(Schema):
    """A user who is counted, suspended or not."""

    id: int
    email: str
    name: str
    state: Literal["active", "suspended"]
    external_id: str | None
    added_at: datetime


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
    """The changes; a member that is left out is not changed."""

    state: Literal["active", "suspended"] | None = None
    external_id: ExternalId | None = None


class MemberQuery(PageQuery):
    """A page of members, or the one with this external id."""

    external_id: ExternalId | None = None


def _list(model: type[CountedRow], organization_id: int, query: MemberQuery) -> dict[str, Any]:
    organization = organization_or_404(organization_id=organization_id)
    rows = model.objects.living().filter(organization=organization)
    if query.external_id is not None:
        rows = rows.filter(external_id=query.external_id)
    return page_of(rows, query)


def _entry(model: type[CountedRow], body: NewUser | NewDevice) -> NewMember:
    return NewMember(getattr(body, model.key_field), body.name, body.external_id)


def _add(
    request: ApiRequest, model: type[CountedRow], organization_id: int, body: NewUser | NewDevice
) -> Status[Any]:
    member, is_new = ensure_member(
        model=model,
        organization=organization_or_404(organization_id=organization_id),
        entry=_entry(model, body),
        actor=api_actor(request),
        now=timezone.now(),
    )
    return Status(201 if is_new else 200, member)


def _add_many(
    request: ApiRequest,
    model: type[CountedRow],
    organization_id: int,
    bodies: Sequence[NewUser | NewDevice],
) -> dict[str, Any]:
    ensured = ensure_members(
        model=model,
        organization=organization_or_404(organization_id=organization_id),
        entries=[_entry(model, body) for body in bodies],
        actor=api_actor(request),
        now=timezone.now(),
    )
    return {"added": ensured.added, "items": ensured.rows}


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
    return _list(ManagedUser, organization_id, query)


@users.post(USERS, response={200: UserOut, 201: UserOut}, summary="Add a user")
def add_user(request: ApiRequest, organization_id: int, body: NewUser) -> Status[Any]:
    """201 when added; 200 when a user with this external id exists.

    409 when the user cap is reached (with the cap and the contact), and when another user has the
    e-mail or the external id.
    """
    return _add(request, ManagedUser, organization_id, body)


@users.post(USERS + "/bulk", response=EnsuredUsers, summary="Add many users")
def add_users(request: ApiRequest, organization_id: int, body: NewUsers) -> dict[str, Any]:
    """Up to 1,000 in one statement, all or none; existing users are left unchanged."""
    return _add_many(request, ManagedUser, organization_id, body.users)


@users.patch(USERS + "/{user_id}", response=UserOut, summary="Change a user")
def change_user(
    request: ApiRequest, organization_id: int, user_id: int, body: UserChange
) -> ManagedUser:
    """State and external id. A suspended user still counts; a removed one is a 404."""
    organization = organization_or_404(organization_id=organization_id)
    user = owned_or_404(ManagedUser, organization=organization, pk=user_id)
    if user.removed_at is not None:
        raise Http404
    actor, now = api_actor(request), timezone.now()
    if "external_id" in body.model_fields_set:
        set_external_id(member=user, external_id=body.external_id, actor=actor, now=now)
    if body.state is not None:
        state = ManagedUser.State(body.state)
        set_user_state(user=user, state=state, actor=actor, now=now)
    user.refresh_from_db()
    return user


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
    return _list(Device, organization_id, query)


@devices.post(DEVICES, response={200: DeviceOut, 201: DeviceOut}, summary="Add a device")
def add_device(request: ApiRequest, organization_id: int, body: NewDevice) -> Status[Any]:
    """201 when added; 200 when a device with this external id exists."""
    return _add(request, Device, organization_id, body)


@devices.post(DEVICES + "/bulk", response=EnsuredDevices, summary="Add many devices")
def add_devices(request: ApiRequest, organization_id: int, body: NewDevices) -> dict[str, Any]:
    """Up to 1,000 in one statement, all or none; existing devices are left unchanged."""
    return _add_many(request, Device, organization_id, body.devices)


@devices.delete(DEVICES + "/{device_id}", response={204: None}, summary="Remove a device")
def delete_device(request: ApiRequest, organization_id: int, device_id: int) -> Status[None]:
    """No longer counted from now on; removing again changes nothing."""
    return _delete(request, Device, organization_id, device_id)
