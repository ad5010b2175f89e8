"""On-session payments beside automatic charges."""

import pytest
from django.core.cache import cache

from billing.gateway import client as gateway
from billing.models import ChargeAttempt, Payment
from billing.outbox_handlers import charge
from billing.payments.charging import charge_invoice
from billing.payments.on_session import NothingToPay, PaymentInProgress, begin_on_session
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tests.billing.conftest import NOVEMBER
from tests.billing.payments.test_payment_links import holder_confirms, invoice_to_confirm, path_of

State = ChargeAttempt.State


@pytest.fixture(autouse=True)
def _no_limit_yet():
    cache.clear()


def test_an_open_invoice_is_paid_with_a_card_entered_at_the_link(client, scenario):
    invoice = scenario.invoice(collection="by_invoice")
    path = path_of(invoice)

    begun = client.post(f"{path}begin/").json()
    again = client.post(f"{path}begin/").json()
    intent = begun["client_secret"].partition("_secret_")[0]
    assert begun == again, "two tabs share one payment"
    assert begun["payment_method"] == ""
    scenario.stripe.client().v1.payment_intents.confirm(intent, {"payment_method": "pm_card_visa"})
    done = client.get(f"{path}return/", {"payment_intent": intent})

    assert "Thank you" in done.content.decode()
    assert client.get(path).status_code == 404
    with provider_schema(scenario.provider):
        assert Payment.objects.get().amount_minor == 33_000
        mails = OutboxMessage.objects.filter(topic__in=["billing.charge_failed_mail"])
        assert not mails.exists()


def test_an_abandoned_link_payment_does_not_block_an_automatic_charge(scenario):
    scenario.card()
    invoice = scenario.invoice()
    begun = begin_on_session(invoice_id=invoice.pk, now=NOVEMBER)
    intent = begun.client_secret.partition("_secret_")[0]

    charge({"invoice_id": invoice.pk}, NOVEMBER)

    assert gateway.payment(payment_intent_id=intent).is_canceled, "left open, both could be paid"
    states = list(ChargeAttempt.objects.order_by("pk").values_list("state", flat=True))
    assert states == [State.FAILED, State.SUCCEEDED]
    assert scenario.stripe.charges(customer=scenario.customer())["succeeded"] == 1


def test_a_payment_is_replaced_when_another_amount_is_due(scenario):
    invoice = scenario.invoice()
    first = begin_on_session(invoice_id=invoice.pk, now=NOVEMBER)
    Payment.objects.create(
        invoice=invoice,
        method=Payment.Method.BANK_TRANSFER,
        amount_minor=30_000,
        currency="USD",
        received_at=NOVEMBER,
    )

    second = begin_on_session(invoice_id=invoice.pk, now=NOVEMBER)

    intents = [
        gateway.payment(payment_intent_id=begun.client_secret.partition("_secret_")[0])
        for begun in (first, second)
    ]
    assert [intent.is_canceled for intent in intents] == [True, False]
    assert intents[1].amount_minor == 3_000


def test_a_link_payment_is_refused_while_a_charge_runs(scenario):
    scenario.card()
    scenario.stripe.control("POST", "payments/hold", times=1)
    invoice = scenario.invoice()
    attempt = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)

    with pytest.raises(PaymentInProgress):
        begin_on_session(invoice_id=invoice.pk, now=NOVEMBER)
    attempt.refresh_from_db()
    assert attempt.secret_given_at is None, "a decline of it is a definite failure"


def test_an_invoice_paid_in_another_tab_is_not_charged_again(scenario):
    invoice, attempt = invoice_to_confirm(scenario)
    begin_on_session(invoice_id=invoice.pk, now=NOVEMBER)
    holder_confirms(scenario, attempt)

    with pytest.raises(NothingToPay):
        begin_on_session(invoice_id=invoice.pk, now=NOVEMBER)
    assert invoice.owed_minor == 0


@pytest.mark.parametrize("kind", ["commit_then_timeout", "timeout", "conflict", "rate_limit"])
def test_a_lost_answer_at_the_beginning_makes_one_payment(client, scenario, kind):
    invoice = scenario.invoice()
    scenario.customer()
    path = path_of(invoice)
    scenario.stripe.fault(kind, path="/v1/payment_intents")

    answers = [client.post(f"{path}begin/") for _ in range(2)]

    assert answers[-1].status_code == 200
    with provider_schema(scenario.provider):
        assert ChargeAttempt.objects.count() == 1
        assert len(list(gateway.payments_of(customer_id=scenario.customer(), since=NOVEMBER))) == 1
