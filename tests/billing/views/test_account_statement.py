"""The statement of account: its page, its CSV, and who may read them."""

import csv
import io
from datetime import UTC, date, datetime

import pytest
import time_machine

from billing.corrections.bank_transfers import record_transfer
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
    for address in (PAGE, CSV):
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
