"""Billing Information: the fields of each country, their errors, and what is saved and logged."""

import re
from datetime import UTC, datetime

import pytest
import time_machine
from django.test import override_settings
from django.urls import reverse
from django.utils import timezone

from billing.dunning.status import update_dunning
from billing.invoicing.month_close import close_month
from billing.models import BillingProfile, Invoice, TermsAcceptance
from core.months import Month
from core.schema import provider_schema
from tenants.models import AuditEntry
from tests.billing.conftest import NOVEMBER
from tests.billing.views.test_card import PROFILE

PAGE = "billing_information"
AMERICAN = {
    "mailing-country": "US",
    "mailing-street_address": "500 Example Street",
    "mailing-city": "Denver",
    "mailing-country_area": "CO",
    "mailing-postal_code": "80202",
    "tax_id": "12-3456789",
}


@pytest.fixture
def bill(client, people, scenario):
    """Bill's browser."""
    client.force_login(people.bill)
    return client


def profile(scenario) -> BillingProfile:
    with provider_schema(scenario.provider):
        return BillingProfile.objects.get()


def errors_of(answer) -> dict[str, list[str]]:
    shown = answer.context["information"].active_forms
    return {
        form.add_prefix(name): list(said) for form in shown for name, said in form.errors.items()
    }


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("mailing_name", "", "required"),
        ("legal_name", "N" * 10_000, "at most 200"),
        ("legal_name", "Nord\x00licht", "Null characters"),
        ("legal_name", "Nord\u202elicht", "can't be seen"),
        ("mailing-country", "", "Country is required"),
        ("mailing-country", "XX", "Select a valid choice"),
        ("mailing-street_address", " \n ", "Street address is required"),
        ("mailing-street_address", "\n".join("1234"), "3 lines at most"),
        ("mailing-street_address", "A" * 101, "100 characters"),
        ("mailing-city", "", "City is required"),
        ("mailing-city", "Ham\u202eburg", "can't be seen"),
        ("mailing-postal_code", "", "Postal code is required"),
        ("mailing-postal_code", "2045", "No such postal code exists in Germany: one looks like"),
        ("tax_id", "DE123456789", "No such VAT number exists in Germany"),
        ("tax_id", "1" * 41, "at most 40"),
        ("contact_emails", "", "at least one address"),
        ("contact_emails", "pay at nordlicht", "“pay at nordlicht” is not an e-mail"),
        ("contact_emails", "\n".join(f"{n}@x.example" for n in range(11)), "10 addresses"),
    ],
)
def test_what_cannot_be_is_said_by_its_field_and_changes_nothing(
    bill, scenario, field, value, message
):
    answer = bill.post(reverse(PAGE), {**PROFILE, field: value})

    assert answer.status_code == 422
    assert message in " ".join(errors_of(answer)[field])
    with provider_schema(scenario.provider):
        assert not BillingProfile.objects.exists()


@pytest.mark.parametrize(
    ("changed", "field", "message"),
    [
        ({"mailing-country_area": ""}, "mailing-country_area", "State is required"),
        ({"mailing-country_area": "ZZ"}, "mailing-country_area", "Choose a state"),
        (
            {"mailing-postal_code": "10001"},
            "mailing-postal_code",
            "is not in Colorado",
        ),
        ({"mailing-postal_code": "8020"}, "mailing-postal_code", "No such ZIP code exists"),
        ({"tax_id": "07-1144442"}, "tax_id", "No such EIN"),
    ],
)
def test_a_country_has_its_own_rules(bill, scenario, changed, field, message):
    answer = bill.post(reverse(PAGE), {**PROFILE, **AMERICAN, **changed})

    assert answer.status_code == 422
    assert message in " ".join(errors_of(answer)[field])


def test_the_billing_address_may_be_another_one_in_another_country(bill, scenario):
    posted = {
        **PROFILE,
        "is_same_as_mailing": "",
        "billing-country": "CH",
        "billing-street_address": "Bahnhofstrasse 1",
        "billing-postal_code": "8001",
        "billing-city": "Zürich",
        "tax_id": "CHE-107.787.577 MWST",
    }
    assert bill.post(reverse(PAGE), posted).status_code == 302

    kept = profile(scenario)
    assert kept.address_lines == ["Bahnhofstrasse 1", "CH-8001 Zürich"]
    assert (kept.country, kept.mailing_country, kept.is_same_as_mailing) == ("CH", "DE", False)


def test_a_separate_billing_address_has_its_own_required_fields(bill):
    answer = bill.post(reverse(PAGE), {**PROFILE, "is_same_as_mailing": ""})

    assert errors_of(answer) == {"billing-country": ["Country is required."]}


def test_another_country_keeps_what_was_typed_and_brings_it_back(bill):
    address = reverse("mailing_address")

    german = bill.post(address, {**PROFILE, **AMERICAN, "mailing-country": "DE"}).content.decode()
    assert "Colorado" not in german
    assert 'value="Denver"' in german
    kept = bill.post(address, {**AMERICAN, "mailing-country": "IN"}).context["form"]
    assert kept["elsewhere"].value() == "CO"

    back = {**PROFILE, **AMERICAN, "mailing-country_area": "", "mailing-elsewhere": "CO"}
    american = bill.post(address, back).content.decode()
    assert '<option value="CO" selected>' in american
    assert "EIN" in american


def test_choosing_a_country_saves_nothing_and_works_without_scripts(bill, scenario):
    answer = bill.post(reverse(PAGE), {**PROFILE, **AMERICAN, "show_fields": "mailing"})

    page = answer.content.decode()
    assert answer.status_code == 200
    assert '<option value="CO" selected>' in page
    assert "Nordlicht GmbH" in page
    assert "Show this country’s fields" in page
    with provider_schema(scenario.provider):
        assert not BillingProfile.objects.exists()
        assert not AuditEntry.objects.exists()


def test_an_address_typed_before_there_were_parts_still_stands_on_invoices(bill, scenario):
    scenario.contract()
    scenario.organization(users=2)
    BillingProfile.objects.create(
        legal_name="Nordlicht", address_lines=["Kai 1", "Hamburg"], country="DE"
    )
    close_month(provider=scenario.provider, month=Month(2026, 10), now=NOVEMBER)
    assert Invoice.objects.get().buyer["address_lines"] == ["Kai 1", "Hamburg"]

    page = bill.get(reverse(PAGE))

    assert "Kai 1\nHamburg" in page.content.decode()
    assert page.context["missing"] == ["Postal code", "City", "Billing contacts",
                                       "acceptance of the terms", "card details"]  # fmt: skip


def test_the_card_form_needs_every_field_and_the_accepted_terms(bill, scenario):
    scenario.contract()
    setup = reverse("card_setup")
    for missing in ({"mailing-city": "", "terms": "on"}, {"terms": ""}):
        refused = bill.post(setup, {**PROFILE, **missing})
        assert refused.status_code == 422
        assert "client_secret" not in refused.content.decode()
    with provider_schema(scenario.provider):
        assert not BillingProfile.objects.exists()
        assert not TermsAcceptance.objects.exists()

    assert "client_secret" in bill.post(setup, {**PROFILE, "terms": "on"}).json()

    with provider_schema(scenario.provider):
        accepted = TermsAcceptance.objects.get()
        assert (accepted.version, accepted.accepted_by_name) == ("2026-01", "Bill Nordlicht")
        assert AuditEntry.objects.filter(action="terms.accepted").count() == 1


def test_terms_are_accepted_once_for_each_version(bill, scenario):
    scenario.contract()
    setup = reverse("card_setup")
    bill.post(setup, {**PROFILE, "terms": "on"})
    assert bill.post(setup, PROFILE).status_code == 200

    with override_settings(TERMS_VERSION="2027-01"):
        assert bill.post(setup, PROFILE).status_code == 422
        assert bill.post(setup, {**PROFILE, "terms": "on"}).status_code == 200

    with provider_schema(scenario.provider):
        versions = TermsAcceptance.objects.order_by("pk").values_list("version", flat=True)
        assert list(versions) == ["2026-01", "2027-01"]


def test_each_change_is_in_the_audit_log_and_saving_the_same_again_is_not(bill, scenario):
    bill.post(reverse(PAGE), PROFILE)
    bill.post(reverse(PAGE), PROFILE)
    bill.post(reverse(PAGE), {**PROFILE, "purchase_order": "PO-7"})

    with provider_schema(scenario.provider):
        entries = list(AuditEntry.objects.order_by("pk"))
    assert len(entries) == 2
    assert (entries[1].before, entries[1].after) == (
        {"purchase_order": ""},
        {"purchase_order": "PO-7"},
    )


def test_the_terms_are_for_everybody_to_read(client, db):
    page = client.get(reverse("terms")).content.decode()

    assert "Version 2026-01" in page


def test_the_page_says_how_to_pay_without_a_card_and_how_to_keep_it_from_being_the_default(
    bill, settings
):
    settings.SELLER = {**settings.SELLER, "email": "billing@seller.example"}
    page = bill.get(reverse(PAGE)).content.decode()

    address = 'href="mailto:billing@seller.example"'
    for sentence in (
        "If you don’t want the card you add to be your default payment method, contact",
        "If you prefer to pay a different way, you can email",
    ):
        assert address in page[page.index(sentence) :][:200]


def test_a_first_card_is_submitted_and_a_replaced_one_updated(bill, scenario):
    first = bill.get(reverse("card_replace")).content.decode()
    assert ">Submit Payment Information</button>" in first
    assert "Update Payment Information" not in first

    with provider_schema(scenario.provider):
        scenario.card()
    again = bill.get(reverse("card_replace")).content.decode()
    assert ">Update Payment Information</button>" in again
    assert "Submit Payment Information" not in again


def test_update_in_the_banner_opens_the_card_form(bill, scenario):
    scenario.card()
    scenario.invoice()
    with time_machine.travel(datetime(2026, 11, 20, 9, tzinfo=UTC), tick=False):
        update_dunning(now=timezone.now())
        page = bill.get(reverse(PAGE)).content.decode()
        link = re.search(r'href="([^"]+)"[^>]*>Update</a>', page)[1]
        path, _, part = link.partition("#")
        form = bill.get(path).content.decode()

    assert f'id="{part}"' in form
    assert 'id="card-element"' in form
    assert ">Update Payment Information</button>" in form
