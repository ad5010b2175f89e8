"""Paying a different way: pages of an announced bank transfer, the provider's and operations'."""

from datetime import date

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts.models import OPERATIONS_PROVIDER_KEY
from billing.models import AnnouncedTransfer
from billing.payment_links import payment_link
from billing.payments.announced_transfers import announce_transfer
from core.schema import provider_schema
from tenants.models import AuditEntry
from tests.billing.conftest import BILL
from tests.billing.corrections.conftest import LATER

State = AnnouncedTransfer.State


@pytest.fixture(autouse=True)
def today():
    cache.clear()
    with time_machine.travel(LATER, tick=False):
        yield


@pytest.fixture
def invoice(scenario):
    return scenario.invoice()


@pytest.fixture
def announced(invoice):
    announce_transfer(invoice_id=invoice.pk, expected_on=date(2026, 11, 9), actor=BILL, now=LATER)
    return invoice


@pytest.fixture
def as_bill(client, people):
    client.force_login(people.bill)
    return client


def page_of(name, invoice):
    return reverse(name, args=[invoice.pk])


def text(response):
    return response.content.decode()


def test_it_is_announced_and_withdrawn_on_the_invoice(client, people, scenario, invoice):
    client.force_login(people.bill)
    assert "Pay a different way" in text(client.get(page_of("invoice_detail", invoice)))
    form = text(client.get(page_of("transfer_announce", invoice)))
    for words in ("$330.00", invoice.number, "billing@seller.example", "At most 14 days from now"):
        assert words in form

    day = {"expected_on": "2026-11-09"}
    done = client.post(page_of("transfer_announce", invoice), day, follow=True)

    page = text(done)
    assert f"{people.bill.name} announced a bank transfer of $330.00" in page
    assert "expected by 9 November 2026" in page
    assert "Pay now" not in page
    assert "Pay a different way" not in page
    again = client.get(page_of("transfer_announce", invoice))
    assert again["Location"] == page_of("invoice_detail", invoice)

    page = text(client.post(page_of("transfer_withdraw", invoice), follow=True))

    assert "The bank transfer is withdrawn." in page
    assert "Pay now" in page
    page = text(client.post(page_of("transfer_withdraw", invoice), follow=True))
    assert f"No bank transfer of {invoice.number} is announced." in page


@pytest.mark.parametrize(
    ("day", "message"),
    [
        ("", "Choose a day."),
        ("soon", "Enter a day of the calendar."),
        ("2026-10-31", "Choose a day from today to 14 days from now."),
        ("2026-12-31", "Choose a day from today to 14 days from now."),
    ],
)
def test_a_refusal_is_at_its_field(as_bill, scenario, invoice, day, message):
    answer = as_bill.post(page_of("transfer_announce", invoice), {"expected_on": day})
    assert answer.status_code == 422
    assert message in str(answer.context["form"].errors["expected_on"])
    with provider_schema(scenario.provider):
        assert not AnnouncedTransfer.objects.exists()


def test_only_billing_admins_of_the_provider_may(client, people, scenario, announced):
    for person, status in ((people.rita, 403), (people.adam, 403), (people.sofia, 404)):
        client.force_login(person)
        for name in ("transfer_announce", "transfer_withdraw"):
            answer = client.post(page_of(name, announced), {"expected_on": "2026-11-09"})
            assert answer.status_code == status, (person, name)
    with provider_schema(scenario.provider):
        assert AnnouncedTransfer.objects.get().state == State.UNDER_WAY


def test_the_payment_link_says_why_no_card_is_taken(scenario, announced):
    path = payment_link(invoice_id=announced.pk, now=LATER).removeprefix("http://testserver")
    page = text(Client().get(path))
    assert "A bank transfer of $330.00 is announced" in page
    assert "pay-form" not in page
    answer = Client().post(f"{path}begin/")
    assert answer.status_code == 409
    assert "is announced" in answer.json()["error"]


def test_operations_see_and_withdraw_it(client, people, scenario, announced):
    client.force_login(people.staff)
    session = client.session
    session[OPERATIONS_PROVIDER_KEY] = scenario.provider.pk
    session.save()
    listed = text(client.get(reverse("admin:billing_announcedtransfer_changelist")))
    for words in (announced.number, "$330.00", "Under way"):
        assert words in listed
    with provider_schema(scenario.provider):
        transfer = AnnouncedTransfer.objects.get()
    address = reverse("admin:billing_announcedtransfer_withdraw", args=[transfer.pk])
    shown = text(client.get(reverse("admin:billing_announcedtransfer_change", args=[transfer.pk])))
    assert address in shown

    client.post(address, {"confirmed": "1"})

    with provider_schema(scenario.provider):
        transfer.refresh_from_db()
        assert transfer.state == State.WITHDRAWN
        assert AuditEntry.objects.filter(action="transfer.withdrawn").exists()
