"""The statement of account: its page, its CSV, and who may read them."""

import csv
import io
from datetime import UTC, date, datetime

import pytest
import time_machine
from django.utils import timezone
from pypdf import PdfReader

from billing.corrections.bank_transfers import record_transfer
from billing.documents import statement
from billing.models import StatementDocument
from core.outbox.delivery import deliver_due
from core.schema import provider_schema
from tests.billing.conftest import BILL, NOVEMBER

PAGE, CSV = "/account/statement/", "/account/statement.csv"


@pytest.fixture(autouse=True)
def _november():
    with time_machine.travel(datetime(2026, 11, 20, 12, tzinfo=UTC), tick=False):
        yield


@pytest.fixture
def as_bill(scenario, client, sign_in, people):
    invoice = scenario.invoice()
    record_transfer(
        invoice_id=invoice.pk, amount_minor=10_000, received_on=date(2026, 11, 5), reference="A1",
        actor=BILL, now=datetime(2026, 11, 6, tzinfo=UTC),
    )  # fmt: skip
    return sign_in(client, people.bill)


def test_the_page_leads_from_the_opening_to_the_closing_balance(as_bill):
    page = as_bill.get(PAGE, {"from": "2026-11-02", "to": "2026-11-30"}).content.decode()
    for shown in ("Opening balance", "$330.00", "Bank transfer, A1", "-$100.00", "$230.00"):
        assert shown in page


def test_the_csv_has_the_same_movements(as_bill):
    content = as_bill.get(CSV, {"from": "2026-11-01"}).content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(content)))
    assert [(row["What"], row["Amount"], row["Balance"]) for row in rows] == [
        ("Opening balance", "", "0.00"),
        ("Invoice", "330.00", "330.00"),
        ("Payment", "-100.00", "230.00"),
        ("Closing balance", "", "230.00"),
    ]


@pytest.mark.parametrize("day", ["", "x", "0001-01-01", "9999-12-31", "2026-02-30", "2027-01-01"])
def test_no_day_breaks_the_page(as_bill, day):
    for query in ({"from": day}, {"to": day}, {"from": day, "to": day}):
        assert as_bill.get(PAGE, query).status_code == 200
        assert as_bill.get("/account/payments/", query).status_code == 200


def test_a_role_without_billing_is_refused(scenario, client, sign_in, people):
    sign_in(client, people.adam)
    for address in (PAGE, CSV, "/account/statement.pdf"):
        assert client.get(address).status_code == 403


def test_the_history_finds_by_number_reference_and_day(as_bill, scenario):
    other = scenario.invoice(month="2026-09-01", issued_at=datetime(2026, 10, 1, tzinfo=UTC))
    assert NOVEMBER.month == 11

    def found(**query):
        page = as_bill.get("/account/payments/", query).content.decode()
        page = page.partition('id="invoices"')[2]
        table = as_bill.get("/account/payments.csv", query).content.decode()
        numbers = {number for number in ("000001", "000002") if f"-{number}" in table}
        assert numbers == {number for number in ("000001", "000002") if f"-{number}</a>" in page}
        return numbers

    assert other.number.endswith("-000002")
    assert found() == {"000001", "000002"}
    assert found(q="-000002") == {"000002"}
    assert found(q="a1") == {"000001"}
    assert found(**{"from": "2026-10-15"}) == {"000001"}
    assert found(to="2026-10-01") == {"000002"}
    assert found(**{"from": "2026-10-02", "to": "2026-10-31"}) == set()


PDF = "/account/statement.pdf"
DAYS = {"from": "2026-11-01", "to": "2026-11-20"}


def work(scenario):
    with provider_schema(scenario.provider):
        while deliver_due(now=timezone.now(), schema=scenario.provider.schema_name):
            pass


def test_the_pdf_says_what_the_page_says(as_bill, scenario):
    waiting = as_bill.get(PDF, DAYS)
    assert waiting.status_code == 202
    assert waiting["Refresh"] == "3"
    work(scenario)

    response = as_bill.get(PDF, DAYS)

    assert response["Content-Type"] == "application/pdf"
    assert 'statement-2026-11-01-to-2026-11-20.pdf"' in response["Content-Disposition"]
    reader = PdfReader(io.BytesIO(response.content))
    text = " ".join("\n".join(page.extract_text() for page in reader.pages).split())
    for shown in ("Account statement", "$330.00", "Bank transfer, A1", "-$100.00", "$230.00"):
        assert shown in text
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"], "tagged"
    assert round(float(reader.pages[0].mediabox.width)) == 595, "A4 without a country"


def test_a_statement_that_says_something_else_is_rendered_again(as_bill, scenario):
    as_bill.get(PDF, DAYS)
    work(scenario)
    assert as_bill.get(PDF, DAYS).status_code == 200
    with provider_schema(scenario.provider):
        scenario.invoice(month="2026-09-01", issued_at=datetime(2026, 11, 10, tzinfo=UTC))
    assert as_bill.get(PDF, DAYS).status_code == 202


def test_bytes_that_changed_are_not_handed_out(as_bill, scenario):
    as_bill.get(PDF, DAYS)
    work(scenario)
    with provider_schema(scenario.provider):
        StatementDocument.objects.update(content=b"%PDF another")
    assert as_bill.get(PDF, DAYS).status_code == 409


def test_a_period_with_too_many_movements_leads_to_fewer_days(as_bill, monkeypatch):
    monkeypatch.setattr(statement, "MOST_MOVEMENTS", 1)
    page = as_bill.get(PDF, DAYS, follow=True)
    assert "Choose fewer days" in page.content.decode()
