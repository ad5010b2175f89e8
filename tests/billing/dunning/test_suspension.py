"""Suspension: each route of the portal and of the API, for each role."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import time_machine
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import path

from accounts.models import Provider
from accounts.policies import API_KEY, OPERATIONS, policy_of
from billing.dunning import status
from billing.dunning.suspension import STILL_ALLOWED
from billing.models import Invoice, Payment
from core.schema import provider_schema
from mtp import urls
from mtp.api import api
from tests.api_client import ROOT, System, problem
from tests.billing.conftest import BillingScenario
from tests.personas import Personas
from tests.routes import Route, all_routes

NOW = datetime(2026, 12, 20, 9, tzinfo=UTC)
SOME_ID = 987_654_321
BY_ROLE = ("olive", "bill", "adam", "rita", "otto")
OF_HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/account/usage/"}


@pytest.fixture
def owing(scenario: BillingScenario) -> Iterator[Invoice]:
    """An invoice of north that was due on 1 November, and it is 20 December."""
    with time_machine.travel(NOW, tick=False):
        invoice = scenario.invoice()
        status.update_dunning(now=NOW)
        yield invoice


def pay(invoice: Invoice, *, by: Provider) -> None:
    """Record a bank transfer without updating dunning."""
    with provider_schema(by):
        Payment.objects.create(
            invoice=invoice,
            method=Payment.Method.BANK_TRANSFER,
            amount_minor=invoice.total_minor,
            currency=invoice.currency,
            received_at=NOW,
        )


def is_refused(response: HttpResponse) -> bool:
    return response.status_code == 403 and b'id="suspended"' in response.content


def address(route: Route) -> str:
    return route.url({name: _value(route, name) for name in route.parameters})


def _value(route: Route, name: str) -> object:
    return "2026-10" if f"<month:{name}>" in route.pattern or name == "month" else SOME_ID


def refused_routes() -> list[Route]:
    """All routes of the portal that are not public, not of operations and not in the list."""
    return [
        route
        for route in all_routes()
        if not route.namespaces
        and route.name not in STILL_ALLOWED
        and (policy := policy_of(view=route.view, name=route.name)) is not None
        and not policy.is_public
        and policy not in (OPERATIONS, API_KEY)
    ]


@pytest.mark.parametrize("name", BY_ROLE)
def test_every_route_is_refused_except_paying_and_signing_out(
    name: str, client: Client, people: Personas, owing: Invoice
) -> None:
    client.force_login(getattr(people, name))
    routes = refused_routes()
    assert {"home", "organization_list", "own_user_add", "usage_csv", "profile"} <= {
        route.name for route in routes
    }
    for number, route in enumerate(routes):
        for method in (client.get, client.post):
            partial = method(address(route), headers=OF_HTMX)
            assert (partial.status_code, partial.content) == (403, b""), route
            assert partial["HX-Redirect"] == "/account/usage/", route
            # A page takes ten times as long, so each route shows it to one role.
            if BY_ROLE[number % len(BY_ROLE)] == name:
                assert is_refused(method(address(route))), route


def test_every_allowed_route_exists() -> None:
    assert {route.name for route in all_routes()} >= STILL_ALLOWED


# An account statement says what is still to be paid.
PAYING = ("account/billing/", "account/payments", "account/statement")


def test_only_routes_of_paying_and_signing_out_are_allowed() -> None:
    for route in all_routes():
        if route.name in STILL_ALLOWED and not route.namespaces:
            assert route.pattern.startswith((*PAYING, "account/cases/", "accounts/logout/")), route


def test_a_route_added_later_is_refused(
    client: Client, people: Personas, owing: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.urls import clear_url_caches

    def new_page(_: object) -> HttpResponse:
        return HttpResponse("open")

    monkeypatch.setattr(urls, "urlpatterns", [*urls.urlpatterns, path("new/", new_page, name="n")])
    clear_url_caches()
    try:
        client.force_login(people.olive)
        assert is_refused(client.get("/new/"))
    finally:
        monkeypatch.undo()
        clear_url_caches()


def test_a_billing_admin_can_pay_see_invoices_and_sign_out(
    client: Client, people: Personas, owing: Invoice
) -> None:
    client.force_login(people.bill)
    for page in (
        "/account/billing/",
        "/account/billing/card/",
        "/account/payments/",
        "/account/payments.csv",
        f"/account/payments/{owing.pk}/",
    ):
        assert client.get(page).status_code == 200, page
    assert client.get("/ready").status_code == 200
    assert client.post("/accounts/logout/").status_code == 302
    assert client.get("/organizations/")["Location"].startswith("/accounts/login/")


def test_the_billing_pages_show_each_instant_and_the_payment_that_restores_access(
    client: Client, people: Personas, owing: Invoice
) -> None:
    client.force_login(people.bill)
    for page in ("/account/billing/", "/account/payments/"):
        text = client.get(page).content.decode()
        assert "1 November 2026" in text
        for instant in ("2 November 2026", "1 December 2026", "16 December 2026"):
            assert instant in text, page
        # Days as people write them, without a clock time or an offset.
        assert "00:00:00" not in text
        assert "UTC+" not in text
        assert f"Payment of {owing.number} ($330.00): at once" in text


def test_a_role_without_payment_information_gets_the_permission_message(
    client: Client, people: Personas, owing: Invoice
) -> None:
    for person in (people.adam, people.rita):
        client.force_login(person)
        page = client.get("/organizations/").content.decode()
        assert is_refused(client.get("/organizations/"))
        modal = page[page.index("<dialog") : page.index("</dialog>")]
        # No offer that is refused; whom to ask, by name and address.
        for offer in ("Update</a>", "Payment History", "/account/billing/", "pay invoices"):
            assert offer not in modal, offer
        assert "Administrator with Billing" in modal
        for payer in (people.bill, people.olive):
            assert payer.name in modal
            assert payer.email in modal
        assert "Access is restored as soon as payment is received" in modal
        assert "$" not in page
        assert owing.number not in page
        update = client.get("/account/billing/card/")
        assert update.status_code == 403
        assert "You don&#39;t have permission to see payment information" in update.content.decode()
        assert people.bill.email in update.content.decode()


def test_the_menu_offers_nothing_that_is_refused(
    client: Client, people: Personas, owing: Invoice
) -> None:
    for name in ("olive", "bill", "adam", "rita"):
        client.force_login(getattr(people, name))
        page = client.get("/organizations/")
        offered = {
            address
            for group in page.context["navigation"]
            for item in group["items"]
            for _, address in item["tabs"]
        }
        assert not {"/dashboard/", "/organizations/", "/account/usage/"} & offered
        assert ("/account/billing/" in offered) == (name in ("olive", "bill"))
        for address in offered:
            assert client.get(address).status_code == 200, address


def test_an_organization_admin_sees_a_contact_and_no_amount(
    client: Client, people: Personas, owing: Invoice
) -> None:
    client.force_login(people.otto)
    page = client.get("/organization/").content.decode()
    assert people.north.contact_email in page
    assert "$" not in page
    assert owing.number not in page
    assert "Update" not in page


def operations() -> list[tuple[str, str]]:
    return [
        (method.upper(), re.sub(r"{\w*month}", "2026-10", one.removeprefix(ROOT)))
        for one, methods in api.get_openapi_schema()["paths"].items()
        for method in methods
    ]


def test_the_api_refuses_every_operation(north: Provider, owing: Invoice) -> None:
    system = System.of(north)
    for method, operation in operations():
        response = system.ask(method, re.sub(r"{\w+}", str(SOME_ID), operation), {})
        assert problem(response, 403)["code"] == "suspended", operation
    pay(owing, by=north)
    assert system.get("/organizations").status_code == 200


def test_another_provider_is_not_suspended(
    client: Client, people: Personas, south: Provider, owing: Invoice
) -> None:
    client.force_login(people.sofia)
    assert client.get("/organizations/").status_code == 200
    assert System.of(south).get("/organizations").status_code == 200


def test_operations_work_in_a_suspended_provider(
    client: Client, people: Personas, owing: Invoice
) -> None:
    client.force_login(people.staff)
    assert client.get("/operations/").status_code == 200


def test_a_payment_opens_the_next_page(client: Client, people: Personas, owing: Invoice) -> None:
    client.force_login(people.adam)
    assert is_refused(client.get("/organizations/"))
    pay(owing, by=people.north)
    page = client.get("/organizations/")
    assert page.status_code == 200
    assert "suspended" not in page.content.decode()


WITHOUT_CARD = "If you prefer to pay a different way, you can email"
BANNERS = [
    (datetime(2026, 11, 1, 23, tzinfo=UTC), "", ""),
    (
        datetime(2026, 11, 2, tzinfo=UTC),
        "Your account has an outstanding balance of $330.00.",
        "Your account has an outstanding balance.",
    ),
    (
        datetime(2026, 12, 1, tzinfo=UTC),
        "$330.00 has been outstanding for at least 30 days.",
        "Your account has had an outstanding balance for at least 30 days.",
    ),
]


@pytest.mark.parametrize(("now", "text", "without_amount"), BANNERS)
def test_every_page_of_the_provider_shows_the_banner(
    now: datetime,
    text: str,
    without_amount: str,
    *,
    client: Client,
    people: Personas,
    scenario: BillingScenario,
) -> None:
    number = scenario.invoice().number
    status.update_dunning(now=now)
    with time_machine.travel(now, tick=False):
        for name in ("olive", "bill", "adam", "rita"):
            client.force_login(getattr(people, name))
            for page in ("/organizations/", "/account/usage/", "/profile/"):
                content = client.get(page).content.decode()
                sees_money = name in ("olive", "bill")
                assert (text if sees_money else without_amount) in content, page
                assert (WITHOUT_CARD in content) == (bool(text) and sees_money), page
                if not sees_money:
                    assert "$330" not in content, page
                    assert number not in content, page
                    assert (people.bill.email in content) == bool(text), page
                assert ("Update</a>" in content) == bool(text), page
        client.force_login(people.otto)
        assert "outstanding" not in client.get("/organization/").content.decode()


def test_a_page_of_a_current_provider_reads_no_invoice(
    client: Client, people: Personas, scenario: BillingScenario
) -> None:
    client.force_login(people.adam)
    client.get("/profile/")
    with CaptureQueriesContext(connection) as seen:
        client.get("/profile/")
    assert not [query for query in seen if "billing_invoice" in query["sql"]]
