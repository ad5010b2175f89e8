"""The pages of paying all: who sees them, the confirmation, and the results."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.utils import timezone

from billing.dunning.status import update_dunning
from billing.models import ChargeOrder
from core.schema import provider_schema
from tests.billing.payments.test_charge_orders import work
from tests.billing.payments.test_charging import set_card_answer
from tests.billing.payments.test_new_card_charges import invoices
from tests.seen_forms import seen_on

PAGE = "/account/payments/pay/"


def text(response):
    return response.content.decode()


@pytest.fixture
def owed(scenario):
    scenario.card()
    return invoices(scenario)


@pytest.fixture
def as_bill(client, people):
    client.force_login(people.bill)
    return client


def only_order(scenario):
    with provider_schema(scenario.provider):
        return ChargeOrder.objects.select_related("card").get()


def test_the_confirmation_lists_the_invoices_and_their_sum(as_bill, scenario, owed):
    assert PAGE in text(as_bill.get("/account/payments/"))
    page = text(as_bill.get(PAGE))
    for invoice in owed:
        assert invoice.number in page
    assert page.count("$300.03") == 2, "in the total and on the button"
    assert "Visa ending in 4242" in page


def test_it_is_sent_twice_and_done_once(as_bill, scenario, owed):
    fields = {"seen": seen_on(as_bill, PAGE)}

    first = as_bill.post(PAGE, fields)
    second = as_bill.post(PAGE, fields)

    assert first.status_code == 302
    assert first.url == second.url == f"{PAGE}{only_order(scenario).pk}/"
    page = text(as_bill.get(first.url))
    assert page.count("Waiting for its turn") == 3
    assert "every 2s" in page
    assert as_bill.get(PAGE).url == first.url, "while it is under way"
    work(scenario, only_order(scenario), now=timezone.now())
    page = text(as_bill.get(first.url))
    assert page.count("Paid in full") == 3
    assert "every 2s" not in page
    assert "Nothing to pay by card" in text(as_bill.get(PAGE))
    assert "Pay all" not in text(as_bill.get("/account/payments/"))


def test_declines_say_which_and_why(as_bill, scenario, owed):
    set_card_answer(scenario, "insufficient_funds")
    order = as_bill.post(PAGE, {"seen": seen_on(as_bill, PAGE)}).url
    work(scenario, only_order(scenario), now=timezone.now())

    page = text(as_bill.get(order))

    assert page.count("Declined") == 3
    assert page.count("insufficient funds") == 3
    assert PAGE in text(as_bill.get("/account/payments/")), "it can be tried again"


@pytest.mark.parametrize("seen", ["", "x" * 500, "made up", "nul\x00"])
def test_a_form_of_another_page_orders_nothing(as_bill, scenario, owed, seen):
    answer = as_bill.post(PAGE, {"seen": seen})
    assert answer.status_code in (302, 422)
    with provider_schema(scenario.provider):
        assert not ChargeOrder.objects.exists()


def test_only_roles_that_change_billing_see_and_order_it(client, people, scenario, owed):
    overdue = datetime(2026, 11, 20, 9, tzinfo=UTC)
    with time_machine.travel(overdue, tick=False):
        update_dunning(now=overdue)
        for person in (people.rita, people.adam):
            client.force_login(person)
            page = text(client.get("/organizations/"))
            assert "outstanding balance" in page
            assert "Pay all" not in page
            assert client.get(PAGE).status_code == client.post(PAGE).status_code == 403
            assert client.get(f"{PAGE}1/").status_code == 403
        client.force_login(people.sofia)
        assert "Nothing to pay by card" in text(client.get(PAGE)), "those of her own provider"
        client.force_login(people.bill)
        assert "Pay all" in text(client.get("/organizations/"))
    with provider_schema(scenario.provider):
        assert not ChargeOrder.objects.exists()


def test_it_is_ordered_with_a_fresh_proof_of_who_one_is(as_bill, scenario, owed, settings):
    fields = {"seen": seen_on(as_bill, PAGE)}
    settings.CONFIRMED_MINUTES = 0
    assert as_bill.get(PAGE).status_code == 200, "it may be looked at"
    answer = as_bill.post(PAGE, fields)
    assert "reauthenticate" in answer.url
    with provider_schema(scenario.provider):
        assert not ChargeOrder.objects.exists()


def test_a_suspended_account_pays_all_and_is_restored(client, people, scenario, owed):
    as_bill = client
    with time_machine.travel(datetime(2027, 3, 1, 9, tzinfo=UTC), tick=False):
        client.force_login(people.bill)
        update_dunning(now=timezone.now())
        refused = as_bill.get("/organizations/")
        assert refused.status_code == 403
        assert PAGE in text(refused)
        order = as_bill.post(PAGE, {"seen": seen_on(as_bill, PAGE)}).url
        assert "?banner=1" in text(as_bill.get(order))
        work(scenario, only_order(scenario), now=timezone.now())
        of_htmx = {"HX-Request": "true", "HX-Target": "card-charges"}
        assert as_bill.get(f"{order}?banner=1", headers=of_htmx)["HX-Refresh"] == "true"
        assert as_bill.get("/organizations/").status_code == 200


def test_without_a_card_it_leads_to_the_card_form(as_bill, scenario):
    scenario.contract()
    invoices(scenario)
    assert "Pay all" not in text(as_bill.get("/account/payments/"))
    page = text(as_bill.get(PAGE))
    assert "No card is on file" in page
    assert "/account/billing/card/" in page
