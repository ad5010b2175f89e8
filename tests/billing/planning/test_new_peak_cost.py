"""The forms that add users show the cost of a new peak first."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
import time_machine
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Provider
from billing.models import BillingProfile, Contract
from billing.planning.new_peak_cost import cost_of_peak
from core.actors import SYSTEM_ACTOR
from core.metrics import Metric
from core.schema import connection, provider_schema
from tenants.models import Device, ImportRun, ManagedUser, MeteringPolicy, Organization
from tenants.organizations.lifecycle import set_user_cap
from tenants.users.membership import Via, add_member, remove_member
from tenants.users.new_peak import Addition
from tests.cap_requests import contract
from tests.personas import Personas

NOW = datetime(2026, 3, 3, 9, tzinfo=UTC)
FEBRUARY = datetime(2026, 2, 3, 9, tzinfo=UTC)
SignIn = Callable[..., Client]


@pytest.fixture(autouse=True)
def today() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def acme(north: Provider) -> Organization:
    """Three users since February; users cost 11 dollars a month."""
    with provider_schema(north):
        MeteringPolicy.objects.update(free_user_limit=None)
        organization = Organization.objects.create(name="Acme", created_at=FEBRUARY)
        for number in range(3):
            add(organization, number)
        contract().save()
    return organization


def add(organization: Organization, number: int, at: datetime = FEBRUARY) -> ManagedUser:
    return add_member(
        member=ManagedUser(organization=organization, email=f"u{number}@acme.example", name=""),
        actor=SYSTEM_ACTOR,
        via=Via.DEMO,
        now=at,
    )


def address(organization: Organization) -> str:
    return f"/organizations/{organization.pk}/users/add/"


def users(north: Provider) -> int:
    with provider_schema(north):
        return ManagedUser.objects.filter(removed_at=None).count()


def test_a_new_peak_is_shown_with_its_cost_and_added_after_confirmation(
    client: Client, sign_in: SignIn, people: Personas, north: Provider, acme: Organization
) -> None:
    bill = sign_in(client, people.bill)
    form = {"email": "new@acme.example", "name": "New"}
    answer = bill.post(address(acme), form)
    assert answer.status_code == 200
    assert "new peak of the month" in answer.text
    assert "rises from 3 to 4" in answer.text
    assert "$11.00" in answer.text
    assert 'name="seen_peak" value="4"' in answer.text
    assert 'value="new@acme.example"' in answer.text
    assert "costs nothing" in answer.text
    assert users(north) == 3
    assert bill.post(address(acme), form | {"seen_peak": "4"}).status_code == 302
    assert users(north) == 4


@pytest.mark.parametrize("seen", ["", "3", "-4", "four", "٤", "4" * 30])
def test_a_confirmation_of_another_peak_is_shown_the_new_one(
    seen: str, sign_in: SignIn, people: Personas, north: Provider, acme: Organization
) -> None:
    """Another user was added meanwhile, so the confirmed peak was a lower one."""
    bill = sign_in(Client(), people.bill)
    answer = bill.post(address(acme), {"email": "new@acme.example", "seen_peak": seen})
    assert "new peak" in answer.text
    assert users(north) == 3


def test_replacing_a_removed_user_needs_no_confirmation(
    client: Client, sign_in: SignIn, people: Personas, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        user = ManagedUser.objects.get(email="u0@acme.example")
        remove_member(member=user, actor=SYSTEM_ACTOR, now=NOW)
    bill = sign_in(client, people.bill)
    assert bill.post(address(acme), {"email": "new@acme.example"}).status_code == 302
    assert users(north) == 3


@pytest.mark.parametrize("person", ["adam", "otto"])
def test_an_administrator_without_billing_permission_sees_no_cost(
    person: str, client: Client, sign_in: SignIn, people: Personas, acme: Organization
) -> None:
    who = getattr(people, person)
    there = address(acme)
    if person == "otto":
        people.north.refresh_from_db()
        there = "/organization/users/add/"
    answer = sign_in(client, who).post(there, {"email": "new@otto.example"})
    assert "new peak of the month" in answer.text
    assert "$" not in answer.text
    assert "11.00" not in answer.text


def test_at_the_cap_the_page_shows_the_cap_and_no_cost(
    client: Client, sign_in: SignIn, people: Personas, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        set_user_cap(organization=acme, cap=3, actor=SYSTEM_ACTOR, now=NOW)
    answer = sign_in(client, people.bill).post(address(acme), {"email": "new@acme.example"})
    assert answer.status_code == 409
    assert "new peak" not in answer.text


def cost_of(north: Provider, organization: Organization, count: int = 1) -> tuple[str, int, bool]:
    with provider_schema(north):
        peak = cost_of_peak(Addition(organization, Metric.USERS, count), NOW)
    return (peak.cost, peak.added, peak.starts_overage) if peak else ("", 0, False)


def test_a_commitment_is_used_up_before_anything_costs(north: Provider, acme: Organization) -> None:
    with provider_schema(north):
        Contract.objects.all().delete()
        contract(kind="committed", committed_quantity=5).save()
    assert cost_of(north, acme, 2) == ("", 0, False)
    assert cost_of(north, acme, 3) == ("$11.00", 1, True)
    assert cost_of(north, acme, 5) == ("$33.00", 3, True)
    with provider_schema(north):
        for number in range(3, 7):
            add(acme, number, NOW)
    assert cost_of(north, acme) == ("$11.00", 1, False)


def test_the_cost_is_of_the_whole_month_with_its_tax(north: Provider, acme: Organization) -> None:
    with provider_schema(north):
        BillingProfile.objects.create(legal_name="N", country="DE", tax_rate=19)
    assert cost_of(north, acme) == ("$13.09", 1, False)
    with time_machine.travel(datetime(2026, 3, 31, 23, tzinfo=UTC)):
        assert cost_of(north, acme) == ("$13.09", 1, False)


def test_only_billed_metrics_have_a_cost(north: Provider, acme: Organization) -> None:
    with provider_schema(north):
        Contract.objects.update(metric="devices")
    assert cost_of(north, acme) == ("", 0, False)
    with provider_schema(north):
        device = cost_of_peak(Addition(acme, Metric.DEVICES, 2), NOW)
        assert device is not None
        assert (device.cost, device.peak, device.level) == ("$22.00", 0, 2)
        Contract.objects.update(metric="greater")
        assert cost_of_peak(Addition(acme, Metric.DEVICES, 3), NOW) is None
        for number in range(5):
            add_member(
                member=Device(organization=acme, name="Laptop", serial_number=f"S{number}"),
                actor=SYSTEM_ACTOR,
                via=Via.DEMO,
                now=NOW,
            )
    assert cost_of(north, acme, 2) == ("", 0, False)
    assert cost_of(north, acme, 3) == ("$11.00", 1, False)
    with provider_schema(north):
        Contract.objects.all().delete()
    assert cost_of(north, acme, 9) == ("", 0, False)


def test_inside_the_free_allowance_nothing_costs(north: Provider, acme: Organization) -> None:
    with provider_schema(north):
        MeteringPolicy.objects.update(free_user_limit=10)
    assert cost_of(north, acme) == ("", 0, False)


def test_an_addition_below_the_peak_takes_one_statement(
    north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        user = ManagedUser.objects.get(email="u0@acme.example")
        remove_member(member=user, actor=SYSTEM_ACTOR, now=NOW)
        with CaptureQueriesContext(connection) as statements:
            cost_of_peak(Addition(acme, Metric.USERS, 1), NOW)
        assert len(statements) == 1


def test_an_import_shows_the_cost_before_it_is_confirmed(
    client: Client, sign_in: SignIn, people: Personas, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        run = ImportRun.objects.create(
            organization=acme,
            kind=ImportRun.Kind.USERS,
            file_name="users.csv",
            content=b"",
            encoding="UTF-8",
            source="",
            columns_used=["email"],
            lines=4,
            state=ImportRun.State.CHECKED,
            started_at=NOW,
            started_by_name="Bill",
        )
    page = f"/organizations/{acme.pk}/imports/{run.pk}/"
    text = sign_in(client, people.bill).get(page).text
    assert "rises from 3 to 7" in text
    assert "$44.00" in text
    assert "$44.00" not in sign_in(Client(), people.adam).get(page).text
