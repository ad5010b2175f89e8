"""Usage more than five minutes in the future is refused, whatever the way in.

Connections of tests have a clock of another millennium (`mtp/database_limits.py`); here it is that
of production, or stands still. Each rule is seen to fail without its trigger.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Provider
from core.schema import provider_schema
from tenants.models import Device, ManagedUser, Organization
from tests.api_client import System, problem
from tests.personas import Personas
from tests.usage.counting import add, add_devices, at, execute, refused

NOON = at("2031-05-10 12:00")
LATEST = NOON + timedelta(minutes=5)
MICROSECOND = timedelta(microseconds=1)
ADDED = {
    "user": "INSERT INTO tenants_manageduser (organization_id, email, name, added_at)"
    " VALUES (%s, 'new@acme.example', 'New', %s)",
    "device": "INSERT INTO tenants_device (organization_id, serial_number, name, added_at)"
    " VALUES (%s, 'S-1', 'New', %s)",
}
REMOVED = {
    "user": "UPDATE tenants_manageduser SET removed_at = %s WHERE id = %s",
    "device": "UPDATE tenants_device SET removed_at = %s WHERE id = %s",
}
SEEN = {
    "active": "INSERT INTO usage_activeuser"
    " (organization_id, month, user_id, reported_at, first_seen_at)"
    " VALUES (%s, '2031-05-01', %s, now(), %s)",
    "late": "INSERT INTO usage_lateactivity"
    " (organization_id, month, user_id, reported_at, seen_at)"
    " VALUES (%s, '2031-05-01', %s, now(), %s)",
}


def clock_is(instant: datetime | None) -> None:
    """The database's clock until the end of the test; None: the real one."""
    execute("SELECT set_config('mtp.clock', %s, true)", instant.isoformat() if instant else "")


@pytest.fixture
def noon(acme: Organization) -> Iterator[Organization]:
    """Acme at noon, with a clock that does not move."""
    clock_is(NOON)
    return acme


@pytest.mark.parametrize("what", ["user", "device"])
def test_an_addition_may_be_five_minutes_ahead(noon: Organization, what: str) -> None:
    with refused("MT006") as refusals:
        execute(ADDED[what], noon.pk, LATEST + MICROSECOND)
    assert "added_at is 2031-05-10" in str(refusals[0])
    assert "more than five minutes in the future" in str(refusals[0])
    execute(ADDED[what], noon.pk, LATEST)


@pytest.mark.parametrize("what", ["user", "device"])
def test_a_removal_may_be_five_minutes_ahead(noon: Organization, what: str) -> None:
    (member,) = (add if what == "user" else add_devices)(noon, NOON)
    with refused("MT006") as refusals:
        execute(REMOVED[what], LATEST + MICROSECOND, member.pk)
    assert "removed_at is 2031-05-10" in str(refusals[0])
    execute(REMOVED[what], LATEST, member.pk)


@pytest.mark.parametrize("what", ["active", "late"])
def test_activity_may_be_five_minutes_ahead(noon: Organization, what: str) -> None:
    (user,) = add(noon, NOON)
    with refused("MT006"):
        execute(SEEN[what], noon.pk, user.pk, LATEST + MICROSECOND)
    execute(SEEN[what], noon.pk, user.pk, LATEST)


def test_copy_is_refused_too(noon: Organization) -> None:
    columns = "COPY tenants_device (organization_id, serial_number, name, added_at) FROM STDIN"
    with refused("MT006"), connection.cursor() as cursor, cursor.copy(columns) as copy:
        copy.write_row((noon.pk, "S-1", "Laptop", LATEST + MICROSECOND))
    assert not Device.objects.exists()


def test_without_a_setting_the_server_s_clock_decides(acme: Organization) -> None:
    clock_is(None)
    with refused("MT006"):
        add(acme, timezone.now() + timedelta(hours=1))
    add(acme, timezone.now())


def test_the_setting_never_moves_the_clock_back(acme: Organization) -> None:
    clock_is(at("2020-01-01"))
    add(acme, timezone.now())
    with refused("MT006"):
        add(acme, timezone.now() + timedelta(hours=1))


@pytest.fixture
def clock_ahead(north: Provider) -> Iterator[Organization]:
    """Acme with a user, on a web server whose clock is an hour ahead of the database's."""
    with provider_schema(north):
        organization = Organization.objects.create(name="Acme")
        add(organization, timezone.now())
        clock_is(None)
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        yield organization


def test_the_api_answers_503(north: Provider, clock_ahead: Organization) -> None:
    new = {"email": "new@acme.example"}
    answer = System.of(north).post(f"/organizations/{clock_ahead.pk}/users", new)
    assert problem(answer, 503)["code"] == "clock-ahead"
    with provider_schema(north):
        assert ManagedUser.objects.count() == 1


def test_pages_answer_503(north: Provider, clock_ahead: Organization, people: Personas) -> None:
    with provider_schema(north):
        user = ManagedUser.objects.get()
    client = Client(raise_request_exception=False)
    client.force_login(people.olive)
    forms = {
        reverse("user_add", args=[clock_ahead.pk]): {"email": "new@acme.example", "name": "New"},
        reverse("user_remove", args=[clock_ahead.pk, user.pk]): {},
    }
    for url, fields in forms.items():
        page = client.post(url, fields)
        assert page.status_code == 503
        assert "The clock of this server is wrong" in page.content.decode()
    with provider_schema(north):
        assert ManagedUser.objects.living().count() == 1
