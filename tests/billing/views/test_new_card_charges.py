"""The page after a card was submitted: what happened, or is happening, to each invoice."""

import re
from datetime import UTC, datetime

import time_machine
from django.utils import timezone

from billing.dunning.status import update_dunning
from billing.payments.charge_lists import Outcome
from tests.billing.payments.test_cards import set_up
from tests.billing.payments.test_charging import set_card_answer
from tests.billing.payments.test_new_card_charges import invoices, outcomes, work


def test_the_page_after_submitting_says_what_happens_to_each(client, people, scenario):
    invoices(scenario)
    scenario.contract()
    client.force_login(people.bill)
    before = client.get("/account/billing/card/").content.decode()
    assert "these 3 outstanding invoices, oldest first" in before

    sent = client.get("/account/billing/card/return/", {"setup_intent": set_up(scenario)})
    page = client.get(sent.url).content.decode()

    assert page.count("Waiting for its turn") == 3
    assert "every 2s" in page
    work(scenario, now=timezone.now())
    page = client.get(sent.url).content.decode()
    assert page.count("Paid in full") == 3
    assert "every 2s" not in page


def test_a_restored_account_is_reloaded_without_the_red_notice(client, people, scenario):
    invoices(scenario)
    with time_machine.travel(datetime(2027, 3, 1, 9, tzinfo=UTC), tick=False):
        client.force_login(people.bill)
        update_dunning(now=timezone.now())
        scenario.contract()
        sent = client.get("/account/billing/card/return/", {"setup_intent": set_up(scenario)})
        page = client.get(sent.url).content.decode()
        assert "Your account is suspended" in page
        poll = re.search(r'hx-get="([^"]+/charges/[^"]*)"', page)[1]
        of_htmx = {"HX-Request": "true", "HX-Target": "card-charges"}
        assert "HX-Refresh" not in client.get(poll, headers=of_htmx)

        work(scenario, now=timezone.now())
        assert client.get(poll, headers=of_htmx)["HX-Refresh"] == "true"
        page = client.get(sent.url).content.decode()
    assert page.count("Paid in full") == 3
    assert "suspended" not in page


def test_the_page_leads_to_the_bank_where_its_holder_is_asked(client, people, scenario):
    invoices(scenario, count=1)
    card = scenario.card()
    set_card_answer(scenario, "authentication_required")
    turns = work(scenario)
    assert outcomes(turns) == [Outcome.TO_CONFIRM]
    client.force_login(people.bill)

    page = client.get(f"/account/billing/card/{card.pk}/charges/").content.decode()
    detail = client.get(f"/account/payments/{turns[0].invoice.pk}/").content.decode()

    assert "Confirm the payment" in page
    for shown in (page, detail):
        assert "http://testserver/pay/" in shown
