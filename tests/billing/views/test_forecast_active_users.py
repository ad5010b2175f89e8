"""The forecast of active users on its pages: money, thresholds, the allowance, the statements."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Offer, Provider
from accounts.roles import Role
from billing.invoicing.pack_orders import order_pack, quote
from billing.models import BillingProfile, Contract
from core.actors import SYSTEM_ACTOR
from core.schema import connection, provider_schema
from tenants.models import ManagedUser, MeteringPolicy, Organization
from tests.cap_requests import contract
from tests.personas import Personas, create_persona
from tests.usage.sightings import report

NOW = datetime(2026, 8, 10, 12, tzinfo=UTC)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
PAGE = "/account/usage/forecast/"
ALLOWANCE = "/account/active-users/allowance/"
STATEMENTS = 13
SignIn = Callable[..., Client]


@pytest.fixture(autouse=True)
def today() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def live(name: str) -> Organization:
    """Twenty people; each month ten are seen on its 2nd and six on its 20th."""
    organization = Organization.objects.create(name=name, created_at=BEGIN)
    people = ManagedUser.objects.bulk_create(
        ManagedUser(
            organization=organization, email=f"u{n}@{organization.pk}.example", added_at=BEGIN
        )
        for n in range(20)
    )
    for month in range(1, 9):
        for day, seen in ((2, people[:10]), (20, people[10:16])):
            at = datetime(2026, month, day, 9, tzinfo=UTC)
            if at < NOW:
                report(organization, *[(one, at) for one in seen], now=at)
    return organization


@pytest.fixture
def acme(north: Provider) -> Organization:
    with provider_schema(north):
        MeteringPolicy.objects.update(free_user_limit=None)
        contract(metric="mau").save()
        return live("Acme")


def test_a_contract_of_active_users_is_forecast_in_money(
    sign_in: SignIn, people: Personas, acme: Organization
) -> None:
    """Ten at eleven dollars, and six more to come; the page opens with what is billed."""
    bill = sign_in(Client(), people.bill)
    for page in (bill.get(PAGE).text, bill.get(f"{PAGE}{acme.pk}/").text):
        assert "$110.00" in page
        assert "$176.00" in page
        assert "$66.00" in page
    assert "$" not in bill.get(f"{PAGE}?metric=users").text
    assert "$" not in sign_in(Client(), people.adam).get(PAGE).text


def test_the_allowance_is_passed_on_a_day_and_what_is_above_it_is_billed(
    sign_in: SignIn, people: Personas, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        Contract.objects.all().delete()
        contract(metric="mau", kind="committed", committed_quantity=14).save()
    bill = sign_in(Client(), people.bill)
    page = bill.get(PAGE).text
    assert "Allowance would be passed" in page
    assert "21 Aug 2026" in page
    assert "10 of 14 active; 2 above are expected" in page
    assert "$154.00" in page
    assert "$176.00" in page
    assert "passed on 21 August." in bill.get(ALLOWANCE).text
    assert "$" not in bill.get(f"{PAGE}{acme.pk}/").text
    with provider_schema(north):
        Contract.objects.update(committed_quantity=16)
    assert "Not in August" in bill.get(PAGE).text
    assert "At this pace 16 are active by the end of August" in bill.get(ALLOWANCE).text
    with provider_schema(north):
        Contract.objects.update(committed_quantity=9)
    assert "Passed" in bill.get(PAGE).text
    assert "At this pace" not in bill.get(ALLOWANCE).text


def test_of_packs_what_is_above_them_is_billed(
    sign_in: SignIn, people: Personas, north: Provider, acme: Organization
) -> None:
    """12 are paid in advance: nothing is owed yet, and 4 of the 16 expected are."""
    offer = Offer.objects.create(name="Pack of 12", quantity=12, months=12)
    offer.prices.create(currency="USD", price=Decimal("24.00"))
    with provider_schema(north):
        BillingProfile.objects.create(legal_name="N", country="DE")
        Contract.objects.update(invoice_agreement=True)
        order_pack(
            provider=north,
            offer_id=offer.pk,
            confirmed=quote(provider=north, offer_id=offer.pk, now=NOW).to_be_confirmed,
            actor=SYSTEM_ACTOR,
            now=NOW,
        )
    bill = sign_in(Client(), people.bill)
    page = bill.get(PAGE).text
    assert "10 of 12 active; 4 above are expected" in page
    assert "$0.00" in page
    assert "$44.00" in page
    assert "$176.00" not in page


def test_a_threshold_has_its_day_in_list_file_and_page(
    sign_in: SignIn, people: Personas, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        Organization.objects.filter(pk=acme.pk).update(mau_limit=12)
    bill = sign_in(Client(), people.bill)
    assert "21 Aug" in bill.get(f"{PAGE}?metric=mau&filter=passes").text
    file = bill.get("/account/usage/forecast.csv?metric=mau").content.decode("utf-8-sig")
    header, *rows = file.splitlines()
    assert header.endswith("Threshold,Threshold would be passed on")
    assert f"{acme.pk},Acme,10,10,12,12,12,12,2026-08-21" in rows
    assert "passed about 21 Aug" in bill.get(f"{PAGE}{acme.pk}/?metric=mau").text


def test_a_limited_administrator_sees_theirs_and_no_allowance(
    sign_in: SignIn, people: Personas, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        Contract.objects.update(kind="committed", committed_quantity=14)
        other = live("Elsewhere")
    adam = people.adam
    adam.limited_to = [acme.pk]
    adam.save(update_fields=["limited_to"])
    page = sign_in(Client(), adam).get(f"{PAGE}?metric=mau").text
    assert "Acme" in page
    assert "Elsewhere" not in page
    assert "Allowance would be passed" not in page
    assert sign_in(Client(), adam).get(f"{PAGE}{other.pk}/?metric=mau").status_code == 404


def test_no_more_than_thirteen_statements(
    sign_in: SignIn, north: Provider, acme: Organization, settings: Any
) -> None:
    settings.MENU_CACHE_SECONDS = 5
    with provider_schema(north):
        Contract.objects.update(kind="committed", committed_quantity=14)
        BillingProfile.objects.create(legal_name="N", country="DE", tax_rate=19)
    # A separate person: another test must not find this person's cached menu.
    counting = create_persona(
        provider=north, role=Role.BILLING_ADMIN, name="Counted", email="counted@north.example"
    )
    bill = sign_in(Client(), counting)
    bill.get(PAGE)
    with CaptureQueriesContext(connection) as statements:
        bill.get(PAGE)
    asked = [one["sql"] for one in statements.captured_queries]
    assert len(asked) <= STATEMENTS, "\n".join(one[:160].replace("\n", " ") for one in asked)
