"""Payment History, as a billing administrator reads it."""

import csv
import io
import itertools
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from html import unescape

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Provider
from billing.models import CarriedBalance, CreditNote, Invoice, Payment
from billing.pages.payment_history import invoices_of_status
from core.schema import provider_schema
from tests.billing.invoice_contents import issued
from tests.personas import CANARIES, Personas

SignIn = Callable[..., Client]
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HISTORY = "/account/payments/"


@pytest.fixture(autouse=True)
def _november() -> object:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def as_bill(client: Client, sign_in: SignIn, people: Personas) -> Client:
    return sign_in(client, people.bill)


def pay(invoice: Invoice, amount_minor: int, method: Payment.Method = Payment.Method.CARD) -> None:
    Payment.objects.create(
        invoice=invoice,
        method=method,
        amount_minor=amount_minor,
        currency=invoice.currency,
        received_at=NOW,
    )


def months(provider: Provider, count: int) -> list[Invoice]:
    """Invoices of so many months, the oldest first: NORTH-000001 of January 2025."""
    with provider_schema(provider):
        return [
            issued(
                count=1,
                names=(),
                number=f"NORTH-{number:06d}",
                month=date(2025 + (number - 1) // 12, (number - 1) % 12 + 1, 1),
                issued_at=datetime(2025, 2, 1, tzinfo=UTC) + timedelta(days=30 * number),
            )
            for number in range(1, count + 1)
        ]


def credit(invoice: Invoice, amount_minor: int) -> None:
    CreditNote.objects.create(
        number=f"{invoice.number}-CN",
        invoice=invoice,
        currency=invoice.currency,
        subtotal_minor=amount_minor,
        tax_rate=0,
        tax_minor=0,
        total_minor=amount_minor,
        reason="Goodwill",
        issued_at=NOW,
        billing_time_zone="UTC",
        seller={},
        buyer={},
    )


def page_of(client: Client, query: str = "") -> str:
    response = client.get(HISTORY + query)
    assert response.status_code == 200
    return response.content.decode()


def test_the_twelve_most_recent_come_first_and_then_the_rest(
    north: Provider, as_bill: Client
) -> None:
    months(north, 14)
    first, second = page_of(as_bill), page_of(as_bill, "?page=2")
    positions = [first.index(f">NORTH-{number:06d}<") for number in range(14, 2, -1)]
    assert positions == sorted(positions)
    assert "NORTH-000002" not in first
    assert "NORTH-000002" in second
    assert "NORTH-000001" in second
    assert "NORTH-000003" not in second
    assert "?page=2" in first
    # Any requested page number gives a page.
    assert "NORTH-000001" in page_of(as_bill, "?page=999")
    assert "NORTH-000014" in page_of(as_bill, "?page=nonsense")


def test_each_shows_what_was_billed_paid_and_owed(north: Provider, as_bill: Client) -> None:
    open_one, partial, paid = months(north, 3)
    with provider_schema(north):
        pay(partial, 1000)
        pay(paid, paid.total_minor)
        Invoice.objects.filter(pk=open_one.pk).update(due_date=date(2026, 11, 19))
    page = page_of(as_bill)
    rows = {
        number: page.partition(f">{number}<")[2].partition("</tr>")[0]
        for number in ("NORTH-000001", "NORTH-000002", "NORTH-000003")
    }
    assert ">Open<" in rows["NORTH-000001"]
    assert "Overdue" in rows["NORTH-000001"]
    assert "19 Nov 2026" in rows["NORTH-000001"]
    assert rows["NORTH-000001"].count("$35.70") == 2
    assert ">Partially Paid<" in rows["NORTH-000002"]
    assert "Overdue" not in rows["NORTH-000002"]
    for figure in ("$35.70", "$10.00", "$25.70"):
        assert figure in rows["NORTH-000002"]
    assert ">Paid in Full<" in rows["NORTH-000003"]
    assert "$0.00" in rows["NORTH-000003"]
    assert f'href="{HISTORY}{paid.pk}/invoice.pdf"' in rows["NORTH-000003"]
    assert f'href="{HISTORY}{paid.pk}/invoice.csv"' in rows["NORTH-000003"]


def test_the_filter_is_the_status_itself(north: Provider) -> None:
    """Every combination of amounts and decisions, in the database's rule and the row's own."""
    states = list(itertools.product((0, 1, 2570, 3570, 4000), (0, 1000), (None, NOW), (None, NOW)))
    invoices = months(north, len(states) + 2)
    with provider_schema(north):
        carried, later = invoices[-2:]
        CarriedBalance.objects.create(
            from_invoice=carried, to_invoice=later, amount_minor=3570, carried_at=NOW
        )
        for invoice, state in zip(invoices[:-2], states, strict=True):
            paid, credited, voided_at, written_off_at = state
            if paid:
                pay(invoice, paid)
            if credited:
                credit(invoice, credited)
            Invoice.objects.filter(pk=invoice.pk).update(
                voided_at=voided_at, written_off_at=written_off_at
            )
        everything = list(invoices_of_status())
        assert len(everything) == len(invoices)
        for status in Invoice.Status:
            expected = [invoice.pk for invoice in everything if invoice.status == status]
            assert expected
            assert [invoice.pk for invoice in invoices_of_status(status)] == expected


def test_the_page_filters_by_status_and_ignores_what_is_none(
    north: Provider, as_bill: Client
) -> None:
    open_one, paid = months(north, 2)
    with provider_schema(north):
        pay(paid, paid.total_minor)
    filtered = page_of(as_bill, "?filter=paid")
    assert paid.number in filtered
    assert open_one.number not in filtered
    assert open_one.number in page_of(as_bill, "?filter=nonsense")
    assert "No invoice matches" in page_of(as_bill, "?filter=void")
    partial = as_bill.get(
        f"{HISTORY}?filter=paid", headers={"HX-Request": "true", "HX-Target": "invoices"}
    ).content.decode()
    assert "<html" not in partial
    assert paid.number in partial


def test_the_csv_lists_all_of_the_chosen_status(north: Provider, as_bill: Client) -> None:
    invoices = months(north, 14)
    with provider_schema(north):
        pay(invoices[0], 1000)
    response = as_bill.get("/account/payments.csv")
    assert response["Content-Disposition"] == 'attachment; filename="invoices.csv"'
    rows = list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert [row["Invoice Number"] for row in rows] == [
        f"NORTH-{number:06d}" for number in range(14, 0, -1)
    ]
    assert rows[-1] == {
        "Invoice Number": "NORTH-000001",
        "Kind": "Usage",
        "Month": "2025-01",
        "Date of issue": "2025-03-03",
        "Due Date": "2026-12-01",
        "Status": "Partially Paid",
        "Currency": "USD",
        "Amount Billed": "35.70",
        "Amount Credited": "0.00",
        "Amount Paid": "10.00",
        "Amount Owed": "25.70",
        "Carried in": "0.00",
        "Carried out": "0.00",
    }
    only = as_bill.get("/account/payments.csv?filter=partially_paid").content.decode()
    assert only.count("NORTH-") == 1


def test_without_invoices_the_page_says_when_the_first_comes(as_bill: Client) -> None:
    assert "No invoices yet" in page_of(as_bill)


def test_the_list_takes_the_same_few_statements_whatever_its_length(
    north: Provider, as_bill: Client
) -> None:
    months(north, 2)
    page_of(as_bill)

    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            page_of(as_bill)
        return len([query for query in captured if "search_path" not in query["sql"]])

    few = statements()
    with provider_schema(north):
        for number in range(3, 14):
            issued(
                count=1,
                names=(),
                number=f"NORTH-{number:06d}",
                month=date(2024, number - 2, 1),
            )
    assert statements() == few + 1, "a full page does not tell how many there are"


def test_only_those_who_see_billing_see_it(
    client: Client, sign_in: SignIn, people: Personas, north: Provider
) -> None:
    (invoice,) = months(north, 1)
    detail = f"{HISTORY}{invoice.pk}/"
    for address in (HISTORY, "/account/payments.csv", detail):
        assert client.get(address).status_code == 302
        for person in (people.adam, people.rita):
            refused = sign_in(Client(), person).get(address)
            assert refused.status_code == 403
            text = unescape(refused.content.decode())
            assert "You don't have permission to see payment information" in text
            assert invoice.number not in text
        assert sign_in(Client(), people.otto).get(address).status_code == 403
        for person in (people.olive, people.bill):
            assert sign_in(Client(), person).get(address).status_code == 200
        assert sign_in(Client(), people.olive).post(address).status_code == 405


def test_another_providers_invoices_are_not_there(
    sign_in: SignIn, people: Personas, north: Provider
) -> None:
    (invoice,) = months(north, 1)
    with provider_schema(north):
        Invoice.objects.update(buyer={"name": CANARIES["north"]})
    sofia = sign_in(Client(), people.sofia)
    for address in (HISTORY, "/account/payments.csv"):
        page = sofia.get(address).content.decode()
        assert invoice.number not in page
        assert CANARIES["north"] not in page
    theirs = sofia.get(f"{HISTORY}{invoice.pk}/")
    missing = sofia.get(f"{HISTORY}999999999/")
    assert (theirs.status_code, theirs.content) == (404, missing.content)


def test_the_columns_have_the_names_of_the_document(as_bill: Client, north: Provider) -> None:
    months(north, 1)
    page = as_bill.get(HISTORY).content.decode()
    headings = re.findall(r"<th scope=\"col\"[^>]*>([^<]+)</th>", page)
    assert [one for one in headings if one != "Month"] == [
        "Invoice Number",
        "Due Date",
        "Status",
        "Amount Billed",
        "Amount Paid",
        "Amount Owed",
    ]
