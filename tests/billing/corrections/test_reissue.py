"""Reissue of voided invoices: the same frozen month, a new number, corrected terms."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from billing.choices import ContractKind, LineKind
from billing.corrections.reissue import Corrected, reissue, terms_as_issued
from billing.corrections.voids_and_write_offs import void_invoice
from billing.invoicing.month_close import close_month
from billing.models import BillingProfile, Contract, Invoice, InvoiceLine
from billing.payments.balance_lock import CorrectionRefused
from core.months import Month
from core.outbox.models import OutboxMessage
from tenants.models import AuditEntry
from tests.billing.conftest import NOVEMBER
from tests.billing.corrections.conftest import LATER, STAFF

PRICE = Decimal("9.0000")


@pytest.fixture
def voided(scenario):
    """October of 3 and 12 users at 11 dollars, billed and voided."""
    return billed(scenario)


def billed(scenario, **contract):
    scenario.contract(**contract)
    scenario.organization(users=3, name="Acme")
    scenario.organization(users=12, name="Bolt")
    close_month(provider=scenario.provider, month=Month(2026, 10), now=NOVEMBER)
    invoice = Invoice.objects.order_by("-pk").first()
    return void_invoice(invoice_id=invoice.pk, reason="Wrong price", actor=STAFF, now=LATER)


def again(invoice, **changes):
    terms = {"unit_price": PRICE, "committed_quantity": None, "tax_rate": Decimal(0), **changes}
    return reissue(invoice_id=invoice.pk, corrected=Corrected(**terms), actor=STAFF, now=LATER)


def test_a_reissue_has_the_same_peaks_at_the_corrected_price(scenario, voided):
    before = Invoice.objects.filter(pk=voided.pk).values().get()

    issued = again(voided)

    prefix = scenario.provider.invoice_prefix
    assert (issued.number, issued.replaces) == (f"{prefix}-000002", voided)
    assert (voided.total_minor, issued.total_minor) == (16_500, 13_500)
    assert [line.peak_event_id for line in issued.lines.order_by("position")] == [
        line.peak_event_id for line in voided.lines.order_by("position")
    ]
    assert issued.contract_summary["unit_price"] == str(PRICE)
    assert Contract.objects.get().unit_price == 11, "the contract itself is not changed"
    assert Invoice.objects.filter(pk=voided.pk).values().get() == before


def test_a_reissue_is_delivered_like_any_invoice(voided):
    issued = again(voided)

    topics = OutboxMessage.objects.filter(key=f"invoice:{issued.pk}").values_list(
        "topic", flat=True
    )
    assert sorted(topics) == ["billing.documents", "billing.invoice_mail"]
    assert issued.due_date == (LATER.date().replace(month=12))
    entry = AuditEntry.objects.get(action="invoice.reissued")
    assert (entry.before["unit_price"], entry.after["unit_price"]) == ("11.0000", "9.0000")


def test_a_reissue_has_the_current_buyer(scenario, voided):
    BillingProfile.objects.create(legal_name="Northern Lights GmbH", country="DE", tax_name="VAT")

    issued = again(voided, unit_price=Decimal(11), tax_rate=Decimal(19))

    assert issued.buyer["name"] == "Northern Lights GmbH"
    assert (issued.subtotal_minor, issued.tax_minor, issued.tax_name) == (16_500, 3_135, "VAT")
    assert BillingProfile.objects.get().tax_rate == 0, "its own tax is not changed"
    assert voided.buyer["name"] != issued.buyer["name"]


def test_a_commitment_is_corrected_for_its_kind_only(scenario):
    overage = billed(scenario, kind=ContractKind.COMMITTED, committed_quantity=10)
    assert (overage.kind, overage.total_minor) == ("overage", 5_500)

    issued = again(overage, unit_price=Decimal(11), committed_quantity=12)

    assert (issued.kind, issued.total_minor) == ("overage", 3_300)
    assert Invoice.objects.filter(kind="commitment").count() == 1
    assert terms_as_issued(issued).committed_quantity == 12


def test_a_reissue_copies_usage_adjustments(voided):
    InvoiceLine.objects.create(
        invoice=voided,
        position=99,
        kind=LineKind.ADJUSTMENT,
        description="Acme: 2 more users in September 2026",
        metric="users",
        quantity=2,
        unit_price=11,
        amount_minor=2_200,
        organization_id=1,
        adjusted_month="2026-09-01",
        adjusted_from=1,
        reason="Reported late",
    )

    issued = again(voided)

    late = issued.lines.get(kind=LineKind.ADJUSTMENT)
    assert (late.amount_minor, late.reason) == (2_200, "Reported late")
    assert issued.total_minor == 13_500 + 2_200


def test_an_invoice_is_reissued_once(voided):
    again(voided)

    with pytest.raises(CorrectionRefused, match="issued again as"):
        again(voided)


def test_the_database_refuses_a_second_invoice_of_a_month(scenario, voided):
    again(voided)

    with pytest.raises(IntegrityError, match="billing_invoice_once_a_month"), transaction.atomic():
        scenario.invoice(number="X-2")


def test_an_invoice_that_is_not_void_is_not_reissued(scenario):
    with pytest.raises(CorrectionRefused, match="not void"):
        again(scenario.invoice())


def test_terms_without_an_amount_leave_the_invoice_void(voided):
    with pytest.raises(CorrectionRefused, match="nothing would be billed"):
        again(voided, unit_price=Decimal(0))


def test_a_reissued_invoice_can_be_voided_and_reissued(voided):
    second = again(voided)
    void_invoice(invoice_id=second.pk, reason="Still wrong", actor=STAFF, now=LATER)
    second.refresh_from_db()

    assert again(second, unit_price=Decimal(10)).total_minor == 15_000
