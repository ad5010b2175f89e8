"""Billing Information: what a person types, sees and is refused."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from threading import Barrier

import pytest
from django.db import connection
from django.urls import reverse

from accounts.models import Package, PackagePrice, Provider
from billing.customer.billing_information_form import InformationForms
from billing.customer.profile import save_profile
from billing.gateway import client as gateway
from billing.models import AgreementAcceptance, BillingProfile, PaymentMethod
from core.schema import provider_schema
from tenants.models import AuditEntry
from tests.billing.conftest import BILL, NOVEMBER
from tests.billing.payments.test_cards import set_up

PROFILE = {
    "mailing_name": "Nordlicht",
    "mailing-country": "DE",
    "mailing-street_address": "Kai 1\n Hof",
    "mailing-postal_code": "20457",
    "mailing-city": "Hamburg",
    "is_same_as_mailing": "on",
    "legal_name": "Nordlicht GmbH",
    "tax_id": "136695976",
    "purchase_order": "",
    "contact_emails": "Pay@nordlicht.example\naccounts@nordlicht.example\npay@nordlicht.example",
}


@pytest.fixture
def bill(client, people, scenario):
    """Bill's browser."""
    client.force_login(people.bill)
    return client


def test_the_profile_is_saved_as_invoices_will_show_it(bill, scenario):
    assert bill.post(reverse("billing_information"), PROFILE).status_code == 302

    with provider_schema(scenario.provider):
        profile = BillingProfile.objects.get()
        assert profile.address_lines == ["Kai 1", "Hof", "20457 Hamburg"]
        assert (profile.country, profile.tax_id) == ("DE", "DE136695976")
        assert profile.contact_emails == ["pay@nordlicht.example", "accounts@nordlicht.example"]
        assert AuditEntry.objects.get().action == "billing_profile.changed"
    assert "Nordlicht GmbH" in bill.get(reverse("billing_information")).content.decode()


def test_two_first_savings_at_once_keep_one_profile(committed_scenario):
    start = Barrier(2)
    typed = InformationForms.of(BillingProfile(), posted=PROFILE)
    assert typed.is_valid()

    def save(_):
        try:
            with provider_schema(committed_scenario.provider):
                start.wait()
                save_profile(
                    provider=committed_scenario.provider,
                    changes=typed.changes(),
                    actor=BILL,
                    now=NOVEMBER,
                )
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as savers:
        list(savers.map(save, range(2)))
    assert BillingProfile.objects.get().legal_name == "Nordlicht GmbH"


def test_without_a_card_the_page_says_what_a_card_does(bill):
    page = bill.get(reverse("billing_information")).content.decode()

    assert "No card on file" in page
    assert "10 users" in page


def test_a_card_is_dated_in_the_billing_zone(bill, scenario):
    scenario.card()
    Provider.objects.filter(pk=scenario.provider.pk).update(billing_time_zone="America/Denver")

    page = bill.get(reverse("billing_information")).content.decode()

    assert "added 31 October 2026" in page


def test_stripe_sends_the_browser_back_with_a_card(bill, scenario):
    scenario.contract()
    intent = set_up(scenario)

    answer = bill.get(reverse("card_return"), {"setup_intent": intent}, follow=True)

    assert "ending in 4242 is on file" in answer.content.decode()
    assert "Expires" in answer.content.decode()


@pytest.mark.parametrize(
    "setup_intent", ["", "seti_none", "pi_1", "seti_1' OR 1", "seti_" + "1" * 300]
)
def test_a_return_without_a_card_of_ours_shows_an_error_and_changes_nothing(
    bill, scenario, setup_intent
):
    answer = bill.get(reverse("card_return"), {"setup_intent": setup_intent}, follow=True)

    assert answer.redirect_chain[-1][0] == reverse("card_replace")
    assert "Enter it again" in answer.content.decode()
    with provider_schema(scenario.provider):
        assert not PaymentMethod.objects.exists()


def test_a_client_secret_is_given_by_post_only_and_never_kept(bill, scenario):
    scenario.contract()
    assert bill.get(reverse("card_setup")).status_code == 405

    answer = bill.post(reverse("card_setup"), {**PROFILE, "terms": "on"})

    assert answer.json()["client_secret"].startswith("seti_")
    assert answer["Cache-Control"] == "no-store"


def test_a_warning_is_shown_when_stripe_does_not_answer(bill, scenario):
    scenario.contract()
    scenario.stripe.fault("timeout", path="/v1/*", method="*", times=3)

    setup = bill.post(reverse("card_setup"), {**PROFILE, "terms": "on"})
    back = bill.get(reverse("card_return"), {"setup_intent": "seti_1"}, follow=True)

    assert (setup.status_code, "does not answer" in setup.json()["error"]) == (502, True)
    assert "does not answer just now" in back.content.decode()


@pytest.mark.parametrize("name", ["billing_information", "card_replace", "card_return"])
def test_money_is_for_who_may_see_it(client, people, name):
    client.force_login(people.adam)

    answer = client.get(reverse(name))

    assert answer.status_code == 403
    assert "permission to see payment information" in answer.content.decode()


@pytest.fixture
def price(north):
    """Workforce at 10.50 dollars."""
    package = Package.objects.create(name="Workforce", metric="users")
    return PackagePrice.objects.create(
        package=package, currency="USD", unit_price=Decimal("10.50"), valid_from=date(2026, 1, 1)
    )


def shown_fingerprint(page):
    return re.search(r'name="agreement" value="([0-9a-f]{64})"', page)[1]


def test_the_page_shows_the_agreement_before_the_first_card(bill, scenario, price):
    scenario.organization(users=7)
    with provider_schema(scenario.provider):
        BillingProfile.objects.create(legal_name="Nordlicht", tax_name="VAT", tax_rate=19)

    page = bill.get(reverse("card_replace")).content.decode()

    for said in ("What you agree to", "Workforce", "$10.50", "USD", "VAT 19 %", "$4,000.00"):
        assert said in page
    # 7 users at 10.50 dollars, and 19 percent.
    assert "$87.47" in page
    assert page.index("What you agree to") < page.index("Submit Payment Information</button>")


def test_the_shown_agreement_is_accepted_with_the_card(bill, scenario, price):
    shown = shown_fingerprint(bill.get(reverse("card_replace")).content.decode())

    answer = bill.post(reverse("card_setup"), {**PROFILE, "terms": "on", "agreement": shown})

    intent = answer.json()["client_secret"].partition("_secret_")[0]
    with provider_schema(scenario.provider):
        accepted = AgreementAcceptance.objects.get()
        assert accepted.stripe_setup_intent_id == intent
        assert (accepted.fingerprint, accepted.accepted_by_name) == (shown, "Bill Nordlicht")
        assert accepted.contract is None


@pytest.mark.parametrize("change", [{"unit_price": Decimal("12.00")}, {"valid_from": "2030-01-01"}])
def test_a_price_that_changed_meanwhile_is_shown_and_saves_nothing(bill, scenario, price, change):
    shown = shown_fingerprint(bill.get(reverse("card_replace")).content.decode())
    PackagePrice.objects.filter(pk=price.pk).update(**change)

    answer = bill.post(reverse("card_setup"), {**PROFILE, "terms": "on", "agreement": shown})

    assert answer.status_code == 422
    assert "client_secret" not in answer.content.decode()
    if "unit_price" in change:
        fresh = answer.content.decode()
        assert "The agreement has changed" in fresh
        assert "$12.00" in fresh
        assert shown_fingerprint(fresh) != shown
    else:
        assert "no price list in your currency" in answer.json()["error"]
    with provider_schema(scenario.provider):
        assert not AgreementAcceptance.objects.exists()
        assert not BillingProfile.objects.exists()


def test_a_card_without_the_shown_agreement_is_refused(bill, scenario, price):
    answer = bill.post(reverse("card_setup"), {**PROFILE, "terms": "on"})

    assert answer.status_code == 422
    assert "The agreement has changed" in answer.content.decode()


@pytest.mark.parametrize("is_ticked", [False, True])
def test_the_ticked_invoices_go_to_stripe_with_the_card(bill, scenario, is_ticked):
    """Only what the page offers: an unknown invoice, or one that is charged anyway, is left out."""
    with provider_schema(scenario.provider):
        scenario.contract()
        offered = scenario.invoice(collection="by_invoice", due_date=date(2027, 6, 1))
        charged = scenario.invoice(month="2026-09-01")
    ticked = {"pay_invoices": [offered.pk, charged.pk, 999, "x"]} if is_ticked else {}
    form = {**PROFILE, "terms": "on", **ticked}

    answer = bill.post(reverse("card_setup"), form)

    assert answer.status_code == 200, answer.content
    intent = answer.json()["client_secret"].partition("_secret_")[0]
    facts = gateway.setup_intent(setup_intent_id=intent)
    assert facts.invoice_ids == ((offered.pk,) if is_ticked else ())
