"""What a billing administrator sees of a contested payment."""

import pytest
from django.utils import timezone

from accounts.models import OPERATIONS_PROVIDER_KEY
from billing.models import Chargeback
from billing.payments.charging import charge_invoice
from core.schema import provider_schema


@pytest.mark.parametrize(
    "texts",
    [
        ("open", "Payment contested", "Until then the payment counts."),
        ("won", "", "The payment stays."),
        ("lost", "Payment taken back", "Owed again; your card is not charged for it."),
    ],
)
def test_the_invoice_and_the_history_show_the_chargeback(scenario, client, people, texts):
    state, remark, means = texts
    scenario.card()
    invoice = scenario.invoice()
    charge_invoice(invoice_id=invoice.pk, now=timezone.now())
    with provider_schema(scenario.provider):
        Chargeback.objects.create(
            payment=invoice.payments.get(),
            stripe_dispute_id="du_1",
            amount_minor=33_000,
            currency="USD",
            reason="fraudulent",
            state=state,
            opened_at=timezone.now(),
            closed_at=None if state == "open" else timezone.now(),
        )
    client.force_login(people.bill)

    page = client.get(f"/account/payments/{invoice.pk}/").content.decode()
    history = client.get("/account/payments/").content.decode()

    assert "Contested payments" in page
    assert means in page
    assert "Fraudulent" in page
    assert ("Payment contested" in history, "Payment taken back" in history) == (
        remark == "Payment contested",
        remark == "Payment taken back",
    )


def test_operations_see_it(scenario, client, people):
    scenario.card()
    invoice = scenario.invoice()
    charge_invoice(invoice_id=invoice.pk, now=timezone.now())
    Chargeback.objects.create(
        payment=invoice.payments.get(),
        stripe_dispute_id="du_1",
        amount_minor=33_000,
        currency="USD",
        opened_at=timezone.now(),
    )
    client.force_login(people.staff)
    session = client.session
    session[OPERATIONS_PROVIDER_KEY] = scenario.provider.pk
    session.save()

    page = client.get("/operations/billing/chargeback/").content.decode()

    assert invoice.number in page
    assert "$330.00" in page
