"""After the provider has left nothing is added, and each way in says why.

Pages and API refuse it by the account's stage; these are the races at the leave date.
"""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Provider
from core.schema import provider_schema
from tenants.imports.devices import DeviceImport
from tenants.imports.kinds import ImportLine
from tenants.models import Device, ImportRun, MeteringPolicy, Organization
from tenants.models.imports import Reason
from tests.api_client import System, problem
from tests.personas import Personas

LEFT = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def acme(north: Provider) -> Organization:
    """An organization of a provider that has left."""
    with provider_schema(north):
        MeteringPolicy.objects.update(nothing_added_from=LEFT, free_user_limit=None)
        return Organization.objects.create(name="Acme")


def test_by_api(north: Provider, acme: Organization) -> None:
    new = {"serial_number": "S-1", "name": "Laptop"}
    answer = System.of(north).post(f"/organizations/{acme.pk}/devices", new)
    assert problem(answer, 409)["code"] == "provider-left"


def test_by_form(client: Client, people: Personas, acme: Organization) -> None:
    client.force_login(people.adam)
    new = {"serial_number": "S-1", "name": "Laptop"}
    page = client.post(reverse("device_add", args=[acme.pk]), new)
    assert page.status_code == 409
    assert "The account is read-only: nothing can be added." in page.content.decode()


def test_by_import(north: Provider, acme: Organization) -> None:
    run, now = ImportRun(organization=acme, decided_by_name="Otto"), LEFT + timedelta(hours=1)
    lines = [ImportLine(2, "S-1", "Laptop")]
    with provider_schema(north):
        refused = DeviceImport().record_all(run=run, lines=lines, now=now).refused
        recorded = DeviceImport().record(run=run, lines=lines, now=now)
        assert not Device.objects.exists()
    assert [each.reason for each in refused] == [Reason.PROVIDER_LEFT]
    assert (recorded.count, recorded.stopped) == (0, Reason.PROVIDER_LEFT)
