"""Locations of an organization and of its devices; they change no count."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client

from accounts.models import Provider
from core.actors import SYSTEM_ACTOR
from core.metrics import Metric
from core.schema import provider_schema
from tenants.models import AuditEntry, Device, Location, Organization
from tenants.organizations.locations import NotOfThisOrganization, add_location, set_device_location
from tenants.users.membership import Via, add_member, remove_member
from tests.personas import Personas
from usage.models import OrganizationCounter, UsageEvent

SignIn = Callable[..., Client]
NOW = datetime(2026, 3, 3, 9, tzinfo=UTC)


@pytest.fixture
def acme(north: Provider) -> Organization:
    with provider_schema(north):
        return Organization.objects.create(name="Acme Nordlicht")


@pytest.fixture
def as_adam(sign_in: SignIn, people: Personas) -> Client:
    return sign_in(Client(), people.adam)


def laptop(organization: Organization, serial_number: str = "SN-1") -> Device:
    return add_member(
        member=Device(organization=organization, name="Laptop", serial_number=serial_number),
        actor=SYSTEM_ACTOR,
        via=Via.DEMO,
        now=NOW,
    )


def office(organization: Organization, name: str = "Office") -> Location:
    return add_location(
        organization=organization, name=name, address="1 Road", actor=SYSTEM_ACTOR, now=NOW
    )


def test_a_location_is_added_changed_and_removed(
    as_adam: Client, north: Provider, acme: Organization
) -> None:
    address = f"/organizations/{acme.pk}/locations/"
    as_adam.post(f"{address}add/", {"name": "Head Office", "address": "1 Road\nTown"})
    with provider_schema(north):
        location = Location.objects.get()
    assert "1 Road<br>Town" in as_adam.get(address).text
    as_adam.post(f"{address}{location.pk}/", {"name": "Branch", "address": ""})
    assert "Branch" in as_adam.get(f"{address}?q=bra").text
    assert "No location matches" in as_adam.get(f"{address}?q=head").text
    assert as_adam.post(f"{address}{location.pk}/remove/").status_code == 302
    with provider_schema(north):
        assert not Location.objects.exists()
        actions = list(AuditEntry.objects.order_by("pk").values_list("action", "actor_name"))
    assert actions == [
        (f"location.{did}", "Adam Nordlicht") for did in ("added", "changed", "removed")
    ]


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("", ""),
        ("x" * 201, ""),
        ("nul\x00", ""),
        ("\u202eevil", ""),
        ("A", "x" * 501),
        ("A", "\x07"),
    ],
)
def test_an_invalid_location_is_refused(
    as_adam: Client, north: Provider, acme: Organization, name: str, address: str
) -> None:
    form = {"name": name, "address": address}
    assert as_adam.post(f"/organizations/{acme.pk}/locations/add/", form).status_code == 422
    with provider_schema(north):
        assert not Location.objects.exists()


def test_a_location_name_is_unique_in_its_organization(
    as_adam: Client, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        office(acme)
        branch = office(acme, "Branch")
        office(Organization.objects.create(name="Other"))
    address = f"/organizations/{acme.pk}/locations/"
    for page in ("add/", f"{branch.pk}/"):
        answer = as_adam.post(f"{address}{page}", {"name": "OFFICE"})
        assert answer.status_code == 422
        assert "already has a location of this name" in answer.text


def test_a_device_keeps_its_count_when_its_location_is_set_and_removed(
    as_adam: Client, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        device, gone, location = laptop(acme), laptop(acme, "SN-2"), office(acme)
        set_device_location(device=gone, location=location, actor=SYSTEM_ACTOR, now=NOW)
        remove_member(member=gone, actor=SYSTEM_ACTOR, now=NOW)
        events = UsageEvent.objects.count()
    address = f"/organizations/{acme.pk}"
    as_adam.post(f"{address}/devices/{device.pk}/location/", {"location": location.pk})
    assert "Office" in as_adam.get(f"{address}/devices/").text
    assert "Laptop" in as_adam.get(f"{address}/devices/?q=office").text
    assert '<td class="num">1</td>' in as_adam.get(f"{address}/locations/").text
    asked = as_adam.get(f"{address}/locations/{location.pk}/remove/").text
    assert "Its 1 device stays" in asked
    as_adam.post(f"{address}/locations/{location.pk}/remove/")
    with provider_schema(north):
        device.refresh_from_db()
        assert (device.location, device.removed_at) == (None, None)
        assert UsageEvent.objects.count() == events
        counter = OrganizationCounter.objects.get(organization=acme, metric=Metric.DEVICES)
        assert counter.count == 1
        placed = AuditEntry.objects.filter(action="device.placed", subject="SN-1").get()
        assert (placed.before, placed.after) == ({"location": None}, {"location": "Office"})


def test_a_location_of_another_organization_is_refused(
    as_adam: Client, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        device = laptop(acme)
        foreign = office(Organization.objects.create(name="Other"), "Elsewhere")
        with pytest.raises(NotOfThisOrganization):
            set_device_location(device=device, location=foreign, actor=SYSTEM_ACTOR, now=NOW)
    address = f"/organizations/{acme.pk}/devices/{device.pk}/location/"
    for choice in (str(foreign.pk), "x", "9" * 30, "\x00"):
        answer = as_adam.post(address, {"location": choice})
        assert answer.status_code == 422
        assert "Elsewhere" not in answer.text
    assert as_adam.post(address, {"location": ""}).status_code == 302


def test_an_organization_admin_sees_only_own_locations(
    sign_in: SignIn, people: Personas, north: Provider, acme: Organization
) -> None:
    otto = sign_in(Client(), people.otto)
    with provider_schema(north):
        foreign, device = office(acme), laptop(acme)
        own = office(people.otto_organization, "Kitchen")
    page = otto.get("/organization/locations/").text
    assert "Kitchen" in page
    assert "Office" not in page
    for address in (f"locations/{foreign.pk}/", f"locations/{foreign.pk}/remove/"):
        assert otto.post(f"/organization/{address}", {"name": "Mine"}).status_code == 404
    assert otto.post(f"/organization/devices/{device.pk}/location/").status_code == 404
    assert otto.post(f"/organization/locations/{own.pk}/", {"name": "Bar"}).status_code == 302


def test_a_read_only_administrator_can_not_change_locations(
    sign_in: SignIn, people: Personas, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        location = office(acme)
    rita = sign_in(Client(), people.rita)
    address = f"/organizations/{acme.pk}/locations/"
    page = rita.get(address).text
    assert "Office" in page
    assert "Add location" not in page
    for one in ("add/", f"{location.pk}/", f"{location.pk}/remove/"):
        assert rita.post(f"{address}{one}", {"name": "x"}).status_code == 403
