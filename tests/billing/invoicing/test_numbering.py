"""Every issued document is in the public register, with the number that it keeps."""

from datetime import date

from accounts.models import IssuedDocument
from billing.corrections.credits import credit_amount
from billing.invoicing.month_close import close_month
from billing.models import CreditNote, Invoice
from core.months import Month
from tests.billing.conftest import NOVEMBER, BillingScenario
from tests.billing.corrections.conftest import STAFF


def test_an_issued_invoice_and_its_credit_note_are_registered(scenario: BillingScenario) -> None:
    scenario.contract()
    scenario.organization(users=3)
    close_month(provider=scenario.provider, month=Month(2026, 10), now=NOVEMBER)
    invoice = Invoice.objects.get()
    credit_amount(
        invoice_id=invoice.pk, total_minor=100, reason="Agreed", actor=STAFF, now=NOVEMBER
    )

    first, second = IssuedDocument.objects.filter(provider=scenario.provider).order_by("pk")

    assert (first.series, first.position, first.number) == ("invoice", 1, invoice.number)
    assert (first.kind, first.month, first.currency) == ("usage", date(2026, 10, 1), "USD")
    assert (first.total_minor, first.issued_at) == (invoice.total_minor, NOVEMBER)
    note = CreditNote.objects.get()
    assert (second.series, second.position, second.number) == ("credit_note", 1, note.number)
    assert (second.month, second.total_minor) == (None, 100)
