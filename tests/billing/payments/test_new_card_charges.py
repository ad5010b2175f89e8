"""A new card pays what is outstanding: in order, once, and with an answer for each invoice."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection

from billing.choices import Collection
from billing.gateway import client as gateway
from billing.models import ChargeAttempt, PaymentMethod
from billing.outbox_handlers import charge_for_new_card
from billing.payments.cards import adopt_card
from billing.payments.charging import charge_invoice
from billing.payments.new_card_charges import Outcome, charge_results
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage
from core.outbox.topics import Postpone
from core.schema import provider_schema
from tests.billing.conftest import NOVEMBER
from tests.billing.payments.test_cards import set_up
from tests.billing.payments.test_charging import tell_last_card

State = ChargeAttempt.State


def invoices(scenario, count=3):
    return [
        scenario.invoice(
            month=f"2026-{10 - number:02d}-01",
            issued_at=NOVEMBER - timedelta(days=30 * number),
            total_minor=10_000 + number,
        )
        for number in range(count)
    ]


def work(scenario, *, now=NOVEMBER):
    OutboxMessage.objects.filter(topic__contains="mail").delete()
    while deliver_due(now=now, schema=scenario.provider.schema_name):
        pass
    with provider_schema(scenario.provider):
        return charge_results(PaymentMethod.objects.get(replaced_at=None))


def outcomes(turns):
    return [turn.outcome for turn in turns]


def test_every_outstanding_invoice_is_charged_oldest_first(scenario):
    newest, middle, oldest = invoices(scenario)
    middle.voided_at = NOVEMBER
    middle.save()
    by_mail = scenario.invoice(
        month="2026-07-01",
        collection=Collection.BY_INVOICE,
        issued_at=NOVEMBER - timedelta(days=200),
    )

    scenario.card()
    turns = work(scenario)

    assert [turn.invoice.pk for turn in turns] == [by_mail.pk, oldest.pk, newest.pk]
    assert outcomes(turns) == [Outcome.PAID] * 3
    with provider_schema(scenario.provider):
        tried = ChargeAttempt.objects.order_by("pk")
        assert [row.invoice_id for row in tried] == [by_mail.pk, oldest.pk, newest.pk]
        assert {row.cause for row in tried} == {f"card:{PaymentMethod.objects.current().pk}"}
        assert scenario.stripe.charges(customer=scenario.customer())["succeeded"] == 3


def test_a_decline_ends_only_that_invoices_turn(scenario):
    invoices(scenario)
    scenario.card()
    tell_last_card(scenario, "insufficient_funds")
    charge_for_new_card({"card_id": PaymentMethod.objects.current().pk, "position": 0}, NOVEMBER)
    tell_last_card(scenario, "approve")

    turns = work(scenario)

    assert outcomes(turns) == [Outcome.DECLINED, Outcome.PAID, Outcome.PAID]
    assert "insufficient funds" in turns[0].reason
    assert turns[0].next_attempt_at == NOVEMBER + timedelta(days=1)


def test_a_card_refused_for_good_is_tried_once_and_the_rest_says_so(scenario):
    invoices(scenario)
    scenario.card()
    tell_last_card(scenario, "stolen_card")

    turns = work(scenario)

    assert outcomes(turns) == [Outcome.DECLINED, Outcome.NOT_TRIED, Outcome.NOT_TRIED]
    assert turns[0].next_attempt_at is None
    assert "refused the card for good" in turns[1].reason
    with provider_schema(scenario.provider):
        assert scenario.stripe.charges(customer=scenario.customer())["failed"] == 1


def test_a_message_that_comes_again_charges_nothing_again(scenario):
    invoices(scenario)
    scenario.card()
    tell_last_card(scenario, "insufficient_funds")
    message = {"card_id": PaymentMethod.objects.current().pk, "position": 0}

    for _ in range(3):
        charge_for_new_card(message, NOVEMBER)

    assert ChargeAttempt.objects.count() == 1
    assert OutboxMessage.objects.filter(topic="billing.new_card_charges").count() == 2


def test_a_card_that_the_close_tried_already_is_not_tried_again_at_once(scenario):
    invoices(scenario, count=1)
    card = scenario.card()
    tell_last_card(scenario, "insufficient_funds")
    closed = charge_invoice(invoice_id=card.invoices_to_charge[0], now=NOVEMBER)

    charge_for_new_card({"card_id": card.pk, "position": 0}, NOVEMBER)

    assert ChargeAttempt.objects.get() == closed
    assert outcomes(charge_results(card)) == [Outcome.DECLINED]


def running(scenario, *, kind):
    """An attempt of the old card that is not over yet."""
    scenario.card()
    invoice = scenario.invoice()
    if kind == "processing":
        scenario.stripe.control("POST", "payments/hold", times=1)
    else:
        scenario.stripe.fault("timeout", path="/v1/payment_intents", times=2, method="*")
    return charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)


@pytest.mark.parametrize("answer", ["approve", "insufficient_funds"])
def test_the_old_cards_running_attempt_is_waited_for(scenario, answer):
    attempt = running(scenario, kind="processing")
    assert attempt.state == State.PROCESSING
    other = scenario.invoice(month="2026-09-01", issued_at=NOVEMBER + timedelta(seconds=1))
    new = scenario.card("pm_card_mastercard")
    first = {"card_id": new.pk, "position": 0}

    with pytest.raises(Postpone):
        charge_for_new_card(first, NOVEMBER)
    assert outcomes(charge_results(new)) == [Outcome.WAITING, Outcome.WAITING]
    charge_for_new_card({"card_id": new.pk, "position": 1}, NOVEMBER)
    assert outcomes(charge_results(new)) == [Outcome.WAITING, Outcome.PAID], "it holds up no other"

    scenario.stripe.control(
        "POST", "payments/settle", payment_intent=attempt.stripe_payment_intent_id, answer=answer
    )
    charge_for_new_card(first, NOVEMBER + timedelta(minutes=1))

    assert outcomes(charge_results(new)) == [Outcome.PAID, Outcome.PAID]
    states = list(attempt.invoice.attempts.order_by("pk").values_list("state", flat=True))
    attempt.refresh_from_db()
    assert attempt.retry_at is None, "a replaced card has no next day"
    assert not OutboxMessage.objects.filter(key__startswith="retry:").exists()
    expected = [State.SUCCEEDED] if answer == "approve" else [State.FAILED, State.SUCCEEDED]
    assert states == expected
    charged = scenario.stripe.charges(**{"metadata[invoice]": attempt.invoice.number})
    assert charged["succeeded"] == 1
    assert other.owed_minor == 0


def test_an_unknown_outcome_of_the_old_card_blocks_the_new_one(scenario):
    attempt = running(scenario, kind="timeout")
    assert attempt.state == State.UNKNOWN
    new = scenario.card("pm_card_mastercard")

    turns = work(scenario, now=NOVEMBER + timedelta(minutes=5))

    assert outcomes(turns) == [Outcome.PAID]
    assert scenario.stripe.charges(customer=scenario.customer())["succeeded"] == 1
    with provider_schema(scenario.provider):
        assert ChargeAttempt.objects.get().stripe_payment_method_id != (
            new.stripe_payment_method_id
        )


def test_what_waits_for_the_old_cards_holder_is_withdrawn_and_then_charged(scenario):
    scenario.card()
    tell_last_card(scenario, "authentication_required")
    invoice = scenario.invoice()
    old = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    scenario.card("pm_card_mastercard")

    turns = work(scenario)

    assert outcomes(turns) == [Outcome.PAID]
    with provider_schema(scenario.provider):
        old.refresh_from_db()
        intent = gateway.payment(payment_intent_id=old.stripe_payment_intent_id)
        assert (old.state, old.decline_code) == (State.FAILED, "withdrawn")
        assert intent.is_canceled, "its holder can't pay a second time"
        assert scenario.stripe.charges(customer=scenario.customer())["succeeded"] == 1


def test_a_holder_who_confirms_before_it_is_withdrawn_has_paid(scenario):
    scenario.card()
    tell_last_card(scenario, "authentication_required")
    invoice = scenario.invoice()
    old = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    tell_last_card(scenario, "approve")
    scenario.stripe.client().v1.payment_intents.confirm(
        old.stripe_payment_intent_id, {"payment_method": old.stripe_payment_method_id}
    )
    scenario.card("pm_card_mastercard")

    turns = work(scenario)

    assert outcomes(turns) == [Outcome.PAID]
    assert scenario.stripe.charges(customer=scenario.customer())["succeeded"] == 1


@pytest.mark.parametrize(
    "kind", ["commit_then_timeout", "saved_500", "unsaved_500", "conflict", "rate_limit"]
)
def test_a_disturbed_round_charges_each_once(scenario, kind):
    invoices(scenario)
    scenario.card()
    more = {"work": True} if kind == "saved_500" else {}
    scenario.stripe.fault(kind, path="/v1/payment_intents", skip=1, **more)

    for minutes in (0, 5):
        turns = work(scenario, now=NOVEMBER + timedelta(minutes=minutes))

    assert outcomes(turns) == [Outcome.PAID] * 3
    with provider_schema(scenario.provider):
        assert scenario.stripe.charges(customer=scenario.customer())["succeeded"] == 3


@pytest.mark.parametrize("kind", ["rate_limit", "timeout"])
def test_a_stripe_that_is_busy_or_silent_costs_the_message_no_attempt(scenario, kind):
    running(scenario, kind="processing")
    new = scenario.card("pm_card_mastercard")
    scenario.stripe.fault(kind, path="/v1/payment_intents/*", method="GET")

    with pytest.raises(Postpone):
        charge_for_new_card({"card_id": new.pk, "position": 0}, NOVEMBER)


def test_a_card_that_was_replaced_in_its_turn_charges_no_more(scenario):
    invoices(scenario)
    first = scenario.card()
    second = scenario.card("pm_card_mastercard")

    turns = work(scenario)

    assert outcomes(turns) == [Outcome.PAID] * 3
    with provider_schema(scenario.provider):
        used = set(ChargeAttempt.objects.values_list("stripe_payment_method_id", flat=True))
        assert used == {second.stripe_payment_method_id}
        assert outcomes(charge_results(first)) == [Outcome.PAID] * 3
        assert scenario.stripe.charges(customer=scenario.customer())["succeeded"] == 3


@pytest.mark.proof
def test_two_tabs_and_two_workers_charge_each_invoice_once(committed_scenario):
    scenario = committed_scenario
    scenario.contract()
    invoices(scenario)
    intents = [set_up(scenario), set_up(scenario, card="pm_card_mastercard")]
    start = Barrier(4)
    failures = []

    def come_back(intent):
        try:
            with provider_schema(scenario.provider):
                start.wait()
                adopt_card(provider=scenario.provider, setup_intent_id=intent, now=NOVEMBER)
            OutboxMessage.objects.filter(topic__contains="mail").delete()
            deliver_due(now=NOVEMBER, schema=scenario.provider.schema_name)
        except Exception as error:  # noqa: BLE001 - reported below
            failures.append(error)
        finally:
            connection.close()

    threads = [Thread(target=come_back, args=[intent]) for intent in intents * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    turns = work(scenario, now=NOVEMBER + timedelta(minutes=5))

    assert failures == []
    assert outcomes(turns) == [Outcome.PAID] * 3
    with provider_schema(scenario.provider):
        assert scenario.stripe.charges(customer=scenario.customer())["succeeded"] == 3
