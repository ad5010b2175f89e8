"""The users and devices of an organization: what comes and goes here is counted at once."""

from datetime import datetime
from typing import Any, Literal

from django.http import Http404
from django.utils import timezone
from ninja import Query, Router, Schema, Status
from pydantic import Field

from accounts.api_access import ApiRequest, api_actor
from tenants.access import device_or_404, organization_or_404, user_or_404
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
from tenants.models import Device, ManagedUser
from tenants.users.external_ids import (
    Entry,
    ensure_device,
    ensure_devices,
    ensure_user,
    ensure_users,
    set_external_id,
)
from tenants.users.membership import remove_device, remove_user, set_user_state

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
    """A user to be there. With an external id, asking twice adds once."""

    email: Email
    name: OptionalName = ""
    external_id: ExternalId | None = None

    def entry(self) -> Entry:
        """As the domain takes it."""
        return Entry(key=self.email, name=self.name, external_id=self.external_id)


class NewDevice(Body):
    """A device to be there. With an external id, asking twice adds once."""

    serial_number: SerialNumber
    name: Name
    external_id: ExternalId | None = None

    def entry(self) -> Entry:
        """As the domain takes it."""
        return Entry(key=self.serial_number, name=self.name, external_id=self.external_id)


class NewUsers(Body):
    """Users to be there, all or none."""

    users: list[NewUser] = Field(min_length=1, max_length=LARGEST_BULK)


class NewDevices(Body):
    """Devices to be there, all or none."""

    devices: list[NewDevice] = Field(min_length=1, max_length=LARGEST_BULK)


class EnsuredUsers(Schema):
    """All of them in the order asked for; `added` of them are new."""

    added: int
    items: list[UserOut]


class EnsuredDevices(Schema):
    """All of them in the order asked for; `added` of them are new."""

    added: int
    items: list[DeviceOut]


class UserChange(Body):
    """What to change; members left out stay."""

    state: Literal["active", "suspended"] | None = None
    external_id: ExternalId | None = None


class MemberQuery(PageQuery):
    """A page, or the one of an external id."""

    external_id: ExternalId | None = None


@users.get(USERS, response=Page[UserOut], summary="List users")
def list_users(
    request: ApiRequest,  # noqa: ARG001 - ninja's signature
    organization_id: int,
    asked: Query[MemberQuery],
) -> dict[str, Any]:
    """Users who are counted, in order of id."""
    organization = organization_or_404(organization_id=organization_id)
    rows = ManagedUser.objects.filter(organization=organization, removed_at=None)
    if asked.external_id is not None:
        rows = rows.filter(external_id=asked.external_id)
    return page_of(rows, asked)


@users.post(USERS, response={200: UserOut, 201: UserOut}, summary="Add a user")
def add_user(request: ApiRequest, organization_id: int, body: NewUser) -> Status[Any]:
    """201 when added; 200 when the user of this external id is there already.

    409 when the user cap is reached (with the cap and whom to contact), and when the e-mail or the
    external id is another user's.
    """
    organization = organization_or_404(organization_id=organization_id)
    user, is_new = ensure_user(
        organization=organization,
        entry=body.entry(),
        actor=api_actor(request),
        now=timezone.now(),
    )
    return Status(201 if is_new else 200, user)


@users.post(USERS + "/bulk", response=EnsuredUsers, summary="Add many users")
def add_users(request: ApiRequest, organization_id: int, body: NewUsers) -> dict[str, Any]:
    """Up to 1,000 in one statement, all or none; who is there already is left as it is."""
    organization = organization_or_404(organization_id=organization_id)
    done = ensure_users(
        organization=organization,
        entries=[one.entry() for one in body.users],
        actor=api_actor(request),
        now=timezone.now(),
    )
    return {"added": done.added, "items": done.rows}


@users.patch(USERS + "/{user_id}", response=UserOut, summary="Change a user")
def change_user(
    request: ApiRequest, organization_id: int, user_id: int, body: UserChange
) -> ManagedUser:
    """State and external id. A suspended user still counts; a removed one is gone."""
    organization = organization_or_404(organization_id=organization_id)
    user = user_or_404(organization=organization, user_id=user_id)
    if user.removed_at is not None:
        raise Http404
    actor, now = api_actor(request), timezone.now()
    if "external_id" in body.model_fields_set:
        set_external_id(row=user, external_id=body.external_id, actor=actor, now=now)
    if body.state is not None:
        state = ManagedUser.State(body.state)
        set_user_state(user=user, state=state, actor=actor, now=now)
    user.refresh_from_db()
    return user


@users.delete(USERS + "/{user_id}", response={204: None}, summary="Remove a user")
def delete_user(request: ApiRequest, organization_id: int, user_id: int) -> Status[None]:
    """No longer counted from now on; removing again changes nothing."""
    organization = organization_or_404(organization_id=organization_id)
    user = user_or_404(organization=organization, user_id=user_id)
    remove_user(user=user, actor=api_actor(request), now=timezone.now())
    return Status(204, None)


@devices.get(DEVICES, response=Page[DeviceOut], summary="List devices")
def list_devices(
    request: ApiRequest,  # noqa: ARG001 - ninja's signature
    organization_id: int,
    asked: Query[MemberQuery],
) -> dict[str, Any]:
    """Devices that are counted, in order of id."""
    organization = organization_or_404(organization_id=organization_id)
    rows = Device.objects.filter(organization=organization, removed_at=None)
    if asked.external_id is not None:
        rows = rows.filter(external_id=asked.external_id)
    return page_of(rows, asked)


@devices.post(DEVICES, response={200: DeviceOut, 201: DeviceOut}, summary="Add a device")
def add_device(request: ApiRequest, organization_id: int, body: NewDevice) -> Status[Any]:
    """201 when added; 200 when the device of this external id is there already."""
    organization = organization_or_404(organization_id=organization_id)
    device, is_new = ensure_device(
        organization=organization,
        entry=body.entry(),
        actor=api_actor(request),
        now=timezone.now(),
    )
    return Status(201 if is_new else 200, device)


@devices.post(DEVICES + "/bulk", response=EnsuredDevices, summary="Add many devices")
def add_devices(request: ApiRequest, organization_id: int, body: NewDevices) -> dict[str, Any]:
    """Up to 1,000 in one statement, all or none; what is there already is left as it is."""
    organization = organization_or_404(organization_id=organization_id)
    done = ensure_devices(
        organization=organization,
        entries=[one.entry() for one in body.devices],
        actor=api_actor(request),
        now=timezone.now(),
    )
    return {"added": done.added, "items": done.rows}


@devices.delete(DEVICES + "/{device_id}", response={204: None}, summary="Remove a device")
def delete_device(request: ApiRequest, organization_id: int, device_id: int) -> Status[None]:
    """No longer counted from now on; removing again changes nothing."""
    organization = organization_or_404(organization_id=organization_id)
    device = device_or_404(organization=organization, device_id=device_id)
    remove_device(device=device, actor=api_actor(request), now=timezone.now())
    return Status(204, None)
