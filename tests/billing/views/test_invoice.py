"""The page of one invoice, as a billing administrator reads it."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Provider
from billing.documents import store
from billing.models import ChargeAttempt, Invoice, Payment
from core.schema import provider_schema
from tenants.models import Organization
from tests.billing.invoice_contents import issued
from tests.personas import Personas

SignIn = Callable[..., Client]
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _november() -> object:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def as_bill(client: Client, sign_in: SignIn, people: Personas) -> Client:
    return sign_in(client, people.bill)


def detail_of(client: Client, invoice: Invoice, query: str = "") -> str:
    response = client.get(f"/account/payments/{invoice.pk}/{query}")
    assert response.status_code == 200
    return response.content.decode()


def invoice_with_everything() -> Invoice:
    """Nine lines, the first of an organization that is still there; a payment, a decline."""
    invoice = issued(count=9, names=())
    organization = Organization.objects.create(name="Organization 0001 Dental Care")
    invoice.lines.filter(position=1).update(organization_id=organization.pk)
    Payment.objects.create(
        invoice=invoice,
        method=Payment.Method.BANK_TRANSFER,
        amount_minor=1000,
        currency="USD",
        received_at=NOW,
    )
    ChargeAttempt.objects.create(
        invoice=invoice,
        state=ChargeAttempt.State.FAILED,
        idempotency_key="key",
        amount_minor=invoice.total_minor,
        currency="USD",
        stripe_customer_id="cus",
        stripe_payment_method_id="pm",
        decline_code="do_not_honor",
        stripe_payment_intent_id="pi_1",
        failure_message="The raw text of a bank.",
        created_at=NOW,
        finished_at=NOW,
    )
    store.render_documents(invoice=invoice, now=NOW)
    return invoice


def test_an_invoice_shows_its_parties_lines_and_why(north: Provider, as_bill: Client) -> None:
    with provider_schema(north):
        invoice = invoice_with_everything()
        hashes = list(invoice.documents.values_list("sha256", flat=True))
        organization = Organization.objects.get(name="Organization 0001 Dental Care")
    page = detail_of(as_bill, invoice)
    for said in (
        "MTP Software Inc.",
        "Tax ID US 00-0000000",
        "Northwind Managed Services GmbH",
        "Musterstraße 12",
        "Germany",
        "PO-2026-118",
        "Business Protection",
        "1–31 October 2026 (Central European Time)",
        "10 users",
        "1 Oct 2026, 11:00:37 CEST",
        "Person 1 added by Adam Administrator, 9\N{NO-BREAK SPACE}→\N{NO-BREAK SPACE}10",
        "Carried in",
        "Bank transfer",
        "$10.00",
        "Your bank declined the charge without a reason.",
        *hashes,
    ):
        assert said in page
    assert "raw text" not in page
    assert f'href="/organizations/{organization.pk}/"' in page
    # The others are not there any more: named, and without a link that leads nowhere.
    assert page.count('href="/organizations/') - page.count('href="/organizations/"') == 1


def test_an_invoice_of_two_thousand_lines_is_paged_and_searched(
    north: Provider, as_bill: Client
) -> None:
    with provider_schema(north):
        invoice = issued(count=2000)
    with CaptureQueriesContext(connection) as captured:
        page = detail_of(as_bill, invoice)
    assert len([query for query in captured if "search_path" not in query["sql"]]) < 25
    assert "Organization 0001 Dental Care" in page
    assert "Organization 0051 Dental Care" not in page
    assert "Organization 0051 Dental Care" in detail_of(as_bill, invoice, "?page=2")
    found = detail_of(as_bill, invoice, "?q=1999")
    assert "Organization 1999 Dental Care" in found
    assert "Organization 0001 Dental Care" not in found
    assert "No line matches" in detail_of(as_bill, invoice, "?q=no+such+name%00")
    partial = as_bill.get(
        f"/account/payments/{invoice.pk}/?q=株式会社",
        headers={"HX-Request": "true", "HX-Target": "lines"},
    ).content.decode()
    assert "<html" not in partial
    assert "株式会社サンプル東京" in partial


def test_names_on_the_page_are_text(north: Provider, as_bill: Client) -> None:
    with provider_schema(north):
        invoice = issued(count=1, names=())
        hostile = "<script>alert(1)</script>"
        invoice.lines.update(organization_name=hostile, peak_actor_name=hostile)
    page = detail_of(as_bill, invoice)
    assert hostile not in page
    assert "&lt;script&gt;alert(1)" in page
