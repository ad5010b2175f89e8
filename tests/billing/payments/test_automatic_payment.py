"""Automatic payment as a choice of the customer: what is charged, what is mailed."""

from datetime import UTC, datetime

from billing import topics
from billing.customer.profile import choose_automatic_payment
from billing.invoicing.month_close import close_month
from billing.models import BillingProfile, Invoice
from billing.payments.card_invoices import card_invoices
from core.actors import Actor
from core.months import Month
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tenants.models import AuditEntry
from tests.billing.conftest import NOVEMBER

BILL = Actor(id=2, name="Bill")
OCTOBER = Month(2026, 10)


def choose(scenario, *, is_chosen):
    return choose_automatic_payment(
        provider=scenario.provider, is_chosen=is_chosen, actor=BILL, now=NOVEMBER
    )


def closed(scenario):
    scenario.contract()
    scenario.card()
    scenario.organization(users=3, name="Acme")
    close_month(provider=scenario.provider, month=OCTOBER, now=NOVEMBER)
    return Invoice.objects.get()


def topics_of_invoice():
    found = OutboxMessage.objects.filter(topic__in=(topics.CHARGE, topics.INVOICE_MAIL))
    return set(found.values_list("topic", flat=True))


def test_with_automatic_payment_the_card_is_charged(scenario):
    assert closed(scenario).collection == "automatic"
    assert topics_of_invoice() == {topics.CHARGE}


def test_without_it_nothing_is_charged_and_the_invoice_is_mailed(scenario):
    assert choose(scenario, is_chosen=False)
    invoice = closed(scenario)
    assert invoice.collection == "by_invoice"
    assert topics_of_invoice() == {topics.INVOICE_MAIL}
    assert (invoice.due_date - NOVEMBER.date()).days == 30


def test_an_overdue_mailed_invoice_is_offered_and_not_charged_to_a_new_card(scenario):
    choose(scenario, is_chosen=False)
    closed(scenario)
    later = datetime(2027, 1, 20, tzinfo=UTC)
    found = card_invoices(now=later)
    assert (len(found.charged), len(found.offered)) == (0, 1)
    choose(scenario, is_chosen=True)
    found = card_invoices(now=later)
    assert (len(found.charged), len(found.offered)) == (1, 0)


def test_the_customer_chooses_on_billing_information(client, people, scenario):
    scenario.card()
    client.force_login(people.bill)
    page = client.get("/account/billing/").content.decode()
    assert "Turn off automatic payment" in page
    assert "due after the agreed days" in page
    client.post("/account/billing/automatic/", {"automatic": "off"})
    client.post("/account/billing/automatic/", {"automatic": "off"})
    page = client.get("/account/billing/").content.decode()
    assert "Automatic payment is off: invoices are sent by mail with a link to pay." in page
    assert "Turn on automatic payment" in page
    with provider_schema(scenario.provider):
        assert BillingProfile.objects.get().pays_automatically is False
        entry = AuditEntry.objects.get(action="billing_profile.automatic_payment_chosen")
    assert (entry.before, entry.after) == (
        {"pays_automatically": True},
        {"pays_automatically": False},
    )
    for other in (people.adam, people.rita):
        client.force_login(other)
        assert client.post("/account/billing/automatic/", {"automatic": "on"}).status_code == 403
