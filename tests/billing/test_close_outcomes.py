"""What a closed month says of itself, and what its invoice keeps of the contract."""

from decimal import Decimal

import pytest

from billing.documents.sheet import sheet_of
from billing.invoice_page import InvoicePage
from billing.models import Invoice
from billing.month_close import close_month
from tests.billing.conftest import NOVEMBER
from usage.periods import Month

OCTOBER = Month(2026, 10)


def test_the_package_is_named_on_the_page_and_on_the_pdf(books):
    books.contract()
    books.organization(users=3)

    close_month(provider=books.provider, month=OCTOBER, now=NOVEMBER)

    invoice = Invoice.objects.get()
    assert ("Package", "Complete") in InvoicePage.of(invoice).facts
    assert sheet_of(invoice=invoice, lines=invoice.lines.all()).package == "Complete"


@pytest.mark.parametrize(
    ("terms", "outcome"),
    [
        ({"ends_on": "2026-10-01"}, "No contract in force, nothing to invoice"),
        ({"unit_price": Decimal(0)}, "Nothing is owed, nothing to invoice"),
    ],
)
def test_a_month_without_an_invoice_says_why(books, terms, outcome):
    books.contract(**terms)
    books.organization(users=30)

    run = close_month(provider=books.provider, month=OCTOBER, now=NOVEMBER)

    assert (run.invoices, run.outcome) == (0, outcome)
