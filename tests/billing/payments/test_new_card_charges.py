"""New-card charges: in order, once, and with a result for each invoice."""

from datetime import date, timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection

from billing.choices import Collection
from billing.gateway import client as gateway
from billing.models import ChargeAttempt, Invoice, PaymentMethod
from billing.outbox_handlers import charge_for_new_card
from billing.payments.card_invoices import card_invoices, invoices_to_charge
from billing.payments.cards import adopt_card, begin_card_setup
from billing.payments.charge_lists import Outcome, charge_results
from billing.payments.charging import charge_invoice
from billing.payments.new_card_charges import charges_of_card
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage
from core.outbox.topics import Postpone
from core.schema import provider_schema
from tenants.models import AuditEntry
from tests.billing.conftest import BILL, NOVEMBER
from tests.billing.payments.test_cards import set_up
from tests.billing.payments.test_charging import set_card_answer

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
        return charge_results(charges_of_card(PaymentMethod.objects.get(replaced_at=None)))


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
        due_date=date(2026, 10, 31),
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


LIMIT = 400_000


@pytest.mark.parametrize(
    ("changes", "how"),
    [
        ({}, "charged"),
        ({"due_date": date(2027, 1, 1)}, "charged"),
        ({"total_minor": LIMIT}, "charged"),
        ({"collection": "by_invoice", "due_date": date(2026, 11, 1)}, "offered"),
        ({"collection": "by_invoice", "due_date": date(2026, 10, 31)}, "charged"),
        (
            {
                "collection": "by_invoice",
                "due_date": date(2026, 10, 31),
                "total_minor": LIMIT - 1,
            },
            "charged",
        ),
        (
            {"collection": "by_invoice", "due_date": date(2026, 10, 31), "total_minor": LIMIT},
            "offered",
        ),
        (
            {
                "collection": "by_invoice",
                "due_date": date(2026, 10, 31),
                "contract_summary": "agreed",
            },
            "offered",
        ),
        ({"total_minor": 49}, "left out"),
        ({"total_minor": 100_000_000}, "left out"),
        ({"voided_at": NOVEMBER}, "left out"),
    ],
)
def test_what_a_new_card_pays_and_what_it_only_offers(scenario, changes, how):
    scenario.contract()
    agreed = scenario.contract(starts_on="2025-01-01", invoice_agreement=True)
    if changes.get("contract_summary") == "agreed":
        changes = {**changes, "contract_summary": {"id": agreed.pk}}
    invoice = scenario.invoice(**changes)

    found = card_invoices(now=NOVEMBER)

    assert found.charged == ([invoice] if how == "charged" else [])
    assert found.offered == ([invoice] if how == "offered" else [])
    assert invoices_to_charge(now=NOVEMBER) == ([invoice.pk] if how == "charged" else [])
    chosen = invoices_to_charge(chosen=[invoice.pk], now=NOVEMBER)
    assert chosen == ([] if how == "left out" else [invoice.pk])


@pytest.mark.parametrize("is_ticked", [False, True])
def test_an_invoice_to_be_paid_by_transfer_is_charged_only_if_it_was_ticked(scenario, is_ticked):
    scenario.contract()
    invoice = scenario.invoice(collection="by_invoice", due_date=date(2026, 12, 1))
    secret = begin_card_setup(
        provider=scenario.provider, actor=BILL, invoice_ids=[invoice.pk] if is_ticked else []
    )
    intent = secret.partition("_secret_")[0]
    gateway.client().v1.setup_intents.confirm(intent, {"payment_method": "pm_card_visa"})
    adopt_card(provider=scenario.provider, setup_intent_id=intent, now=NOVEMBER)

    turns = work(scenario)

    assert outcomes(turns) == [Outcome.PAID] * is_ticked
    with provider_schema(scenario.provider):
        assert Invoice.objects.get().owed_minor == (0 if is_ticked else 33_000)
        entry = AuditEntry.objects.get(action="card.added")
        assert entry.after.get("pays") == (invoice.number if is_ticked else None)


def test_a_customer_deleted_at_stripe_is_made_again_with_the_next_card(scenario):
    deleted = scenario.customer()
    gateway.client().v1.customers.delete(deleted)

    scenario.card()
    invoice = scenario.invoice()
    attempt = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)

    assert scenario.customer() != deleted
    assert (attempt.state, attempt.stripe_customer_id) == (State.SUCCEEDED, scenario.customer())


def test_after_a_decline_the_next_invoice_is_charged(scenario):
    invoices(scenario)
    scenario.card()
    set_card_answer(scenario, "insufficient_funds")
    charge_for_new_card({"card_id": PaymentMethod.objects.current().pk, "position": 0}, NOVEMBER)
    set_card_answer(scenario, "approve")

    turns = work(scenario)

    assert outcomes(turns) == [Outcome.DECLINED, Outcome.PAID, Outcome.PAID]
    assert "insufficient funds" in turns[0].reason
    assert turns[0].next_attempt_at == NOVEMBER + timedelta(days=1)


def test_a_hard_decline_stops_the_charges_of_the_card(scenario):
    invoices(scenario)
    scenario.card()
    set_card_answer(scenario, "stolen_card")

    turns = work(scenario)

    assert outcomes(turns) == [Outcome.DECLINED, Outcome.NOT_TRIED, Outcome.NOT_TRIED]
    assert turns[0].next_attempt_at is None
    assert "refused the card for good" in turns[1].reason
    with provider_schema(scenario.provider):
        assert scenario.stripe.charges(customer=scenario.customer())["failed"] == 1


def test_a_repeated_message_charges_nothing_again(scenario):
    invoices(scenario)
    scenario.card()
    set_card_answer(scenario, "insufficient_funds")
    message = {"card_id": PaymentMethod.objects.current().pk, "position": 0}

    for _ in range(3):
        charge_for_new_card(message, NOVEMBER)

    assert ChargeAttempt.objects.count() == 1
    assert OutboxMessage.objects.filter(topic="billing.new_card_charges").count() == 2


def test_a_card_that_the_close_charged_is_not_charged_again_at_once(scenario):
    invoices(scenario, count=1)
    card = scenario.card()
    set_card_answer(scenario, "insufficient_funds")
    closed = charge_invoice(invoice_id=card.invoices_to_charge[0], now=NOVEMBER)

    charge_for_new_card({"card_id": card.pk, "position": 0}, NOVEMBER)

    assert ChargeAttempt.objects.get() == closed
    assert outcomes(charge_results(charges_of_card(card))) == [Outcome.DECLINED]


def running(scenario, *, kind):
    """An unfinished attempt of the old card."""
    scenario.card()
    invoice = scenario.invoice()
    if kind == "processing":
        scenario.stripe.control("POST", "payments/hold", times=1)
    else:
        scenario.stripe.fault("timeout", path="/v1/payment_intents")
    return charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)


@pytest.mark.parametrize("answer", ["approve", "insufficient_funds"])
def test_a_running_attempt_of_the_old_card_finishes_first(scenario, answer):
    attempt = running(scenario, kind="processing")
    assert attempt.state == State.PROCESSING
    other = scenario.invoice(month="2026-09-01", issued_at=NOVEMBER + timedelta(seconds=1))
    new = scenario.card("pm_card_mastercard")
    first = {"card_id": new.pk, "position": 0}

    with pytest.raises(Postpone):
        charge_for_new_card(first, NOVEMBER)
    assert outcomes(charge_results(charges_of_card(new))) == [Outcome.WAITING, Outcome.WAITING]
    charge_for_new_card({"card_id": new.pk, "position": 1}, NOVEMBER)
    assert outcomes(charge_results(charges_of_card(new))) == [Outcome.WAITING, Outcome.PAID], (
        "it holds up no other"
    )

    scenario.stripe.control(
        "POST", "payments/settle", payment_intent=attempt.stripe_payment_intent_id, answer=answer
    )
    charge_for_new_card(first, NOVEMBER + timedelta(minutes=1))

    assert outcomes(charge_results(charges_of_card(new))) == [Outcome.PAID, Outcome.PAID]
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


def test_an_attempt_that_waits_for_the_old_cards_holder_is_replaced(scenario):
    scenario.card()
    set_card_answer(scenario, "authentication_required")
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


def test_a_confirmation_before_the_withdrawal_pays_the_invoice(scenario):
    scenario.card()
    set_card_answer(scenario, "authentication_required")
    invoice = scenario.invoice()
    old = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    set_card_answer(scenario, "approve")
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
def test_lost_answers_charge_each_invoice_once(scenario, kind):
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
def test_a_busy_or_silent_stripe_postpones_the_message(scenario, kind):
    running(scenario, kind="processing")
    new = scenario.card("pm_card_mastercard")
    scenario.stripe.fault(kind, path="/v1/payment_intents/*", method="GET")

    with pytest.raises(Postpone):
        charge_for_new_card({"card_id": new.pk, "position": 0}, NOVEMBER)


def test_a_replaced_card_charges_no_further_invoice(scenario):
    invoices(scenario)
    first = scenario.card()
    second = scenario.card("pm_card_mastercard")

    turns = work(scenario)

    assert outcomes(turns) == [Outcome.PAID] * 3
    with provider_schema(scenario.provider):
        used = set(ChargeAttempt.objects.values_list("stripe_payment_method_id", flat=True))
        assert used == {second.stripe_payment_method_id}
        assert outcomes(charge_results(charges_of_card(first))) == [Outcome.PAID] * 3
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
