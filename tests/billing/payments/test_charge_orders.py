"""Paying all: each invoice its own payment, charged once, and a result for each."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier

import pytest
from django.db import connection

from billing.models import ChargeAttempt, ChargeOrder, Invoice, Payment
from billing.outbox_handlers import charge_as_ordered
from billing.payments.announced_transfers import announce_transfer
from billing.payments.charge_lists import Outcome, charge_results
from billing.payments.charge_orders import charges_of_order, order_charges, payable_invoices
from billing.payments.charging import charge_invoice
from billing.seen import ChangedSince, ChangeRefused
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tenants.models import AuditEntry
from tests.billing.conftest import BILL, NOVEMBER
from tests.billing.payments.test_charging import set_card_answer
from tests.billing.payments.test_new_card_charges import invoices, outcomes

SOON = NOVEMBER + timedelta(minutes=1)


def ordered(*, now=SOON):
    return order_charges(seen=payable_invoices().token(), actor=BILL, now=now)


def work(scenario, order, *, now=SOON):
    OutboxMessage.objects.filter(topic__contains="mail").delete()
    while deliver_due(now=now, schema=scenario.provider.schema_name):
        pass
    with provider_schema(scenario.provider):
        return charge_results(charges_of_order(order))


@pytest.fixture
def owed(scenario):
    """Three open invoices, newest first, and a card that has charged none of them."""
    scenario.card()
    return invoices(scenario)


def test_each_invoice_is_its_own_payment_oldest_first(scenario, owed):
    order = ordered()

    results = work(scenario, order)

    assert outcomes(results) == [Outcome.PAID] * 3
    with provider_schema(scenario.provider):
        attempts = ChargeAttempt.objects.order_by("pk")
        assert [each.invoice_id for each in attempts] == [each.pk for each in reversed(owed)]
        assert {each.cause for each in attempts} == {f"order:{order.pk}"}
        assert Payment.objects.count() == 3
        assert scenario.stripe.charges(customer=scenario.customer())["succeeded"] == 3
        entry = AuditEntry.objects.get(action="invoice.all_ordered")
        assert entry.actor_name == BILL.name
        assert entry.after["pays"] == ", ".join(each.number for each in reversed(owed))
        assert entry.after["amount"] == "$300.03"


def test_the_same_form_sent_twice_is_one_order(scenario, owed):
    seen = payable_invoices().token()
    first = order_charges(seen=seen, actor=BILL, now=SOON)
    assert order_charges(seen=seen, actor=BILL, now=SOON) == first

    work(scenario, first)

    assert order_charges(seen=seen, actor=BILL, now=SOON) == first, "sent again after it was paid"
    assert ChargeOrder.objects.count() == 1
    assert scenario.stripe.charges(customer=scenario.customer())["succeeded"] == 3


def test_while_an_order_is_under_way_there_is_no_other(scenario, owed):
    ordered()
    with pytest.raises(ChangedSince, match="charged already"):
        ordered()
    assert ChargeOrder.objects.count() == 1


def test_what_changed_since_the_page_was_opened_is_not_charged(scenario, owed):
    seen = payable_invoices().token()
    scenario.invoice(month="2026-07-01")
    with pytest.raises(ChangedSince):
        order_charges(seen=seen, actor=BILL, now=SOON)
    assert not ChargeOrder.objects.exists()


def test_a_decline_in_the_middle_is_named_and_the_others_are_paid(scenario, owed):
    order = ordered()
    for position, answer in enumerate(("approve", "insufficient_funds", "approve")):
        set_card_answer(scenario, answer)
        charge_as_ordered({"order_id": order.pk, "position": position}, SOON)

    results = charge_results(charges_of_order(order))

    assert outcomes(results) == [Outcome.PAID, Outcome.DECLINED, Outcome.PAID]
    assert results[1].invoice == owed[1]
    assert "insufficient funds" in results[1].reason
    assert results[1].next_attempt_at is not None
    later = SOON + timedelta(minutes=1)
    again = ordered(now=later)
    assert again.invoices_to_charge == [owed[1].pk], "only what is left is offered"
    assert outcomes(work(scenario, again, now=later)) == [Outcome.PAID]


def test_a_card_refused_for_good_is_not_tried_on_the_rest(scenario, owed):
    set_card_answer(scenario, "stolen_card")
    order = ordered()

    results = work(scenario, order)

    assert outcomes(results) == [Outcome.DECLINED, Outcome.NOT_TRIED, Outcome.NOT_TRIED]
    with provider_schema(scenario.provider):
        assert ChargeAttempt.objects.count() == 1


def test_an_earlier_decline_of_the_card_is_no_result_of_the_order(scenario, owed):
    set_card_answer(scenario, "insufficient_funds")
    charge_invoice(invoice_id=owed[2].pk, now=NOVEMBER)
    set_card_answer(scenario, "approve")

    order = ordered()

    assert outcomes(charge_results(charges_of_order(order))) == [Outcome.WAITING] * 3
    assert outcomes(work(scenario, order)) == [Outcome.PAID] * 3


def test_a_charge_that_came_first_is_the_result(scenario, owed):
    order = ordered()
    for invoice in owed:
        charge_invoice(invoice_id=invoice.pk, cause="retry:1:3", now=SOON)

    assert outcomes(work(scenario, order)) == [Outcome.PAID] * 3
    assert scenario.stripe.charges(customer=scenario.customer())["succeeded"] == 3


def test_what_is_not_in_the_payment_says_why(scenario):
    scenario.card()
    by_transfer, small, large, running = (
        scenario.invoice(month="2026-09-01"),
        scenario.invoice(total_minor=49),
        scenario.invoice(total_minor=100_000_000, month="2026-08-01"),
        scenario.invoice(month="2026-07-01"),
    )
    scenario.invoice(month="2026-06-01", voided_at=NOVEMBER)
    announce_transfer(
        invoice_id=by_transfer.pk, expected_on=date(2026, 11, 9), actor=BILL, now=NOVEMBER
    )
    set_card_answer(scenario, "authentication_required")
    charge_invoice(invoice_id=running.pk, now=NOVEMBER)

    payable = payable_invoices()

    assert payable.invoices == []
    reasons = {invoice.pk: why_not for invoice, why_not in payable.left_out}
    assert "bank transfer of $330.00 is announced" in reasons[by_transfer.pk]
    assert "too small" in reasons[small.pk]
    assert "above the largest" in reasons[large.pk]
    assert "asks you to confirm" in reasons[running.pk]
    with pytest.raises(ChangeRefused, match="nothing that it can pay"):
        ordered()


def test_without_a_card_nothing_is_ordered(scenario):
    scenario.invoice()
    with pytest.raises(ChangeRefused, match="no card on file"):
        ordered()


@pytest.mark.parametrize("is_same_form", [True, False])
def test_two_that_order_at_the_same_instant_charge_each_invoice_once(
    committed_scenario, is_same_form
):
    scenario = committed_scenario
    scenario.card()
    invoices(scenario)
    seen = payable_invoices().token()
    barrier = Barrier(2)

    def order(_number):
        try:
            with provider_schema(scenario.provider):
                barrier.wait(timeout=10)
                token = seen if is_same_form else payable_invoices().token()
                return order_charges(seen=token, actor=BILL, now=SOON).pk
        except ChangedSince:
            return None
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        made = set(pool.map(order, range(2)))

    with provider_schema(scenario.provider):
        only = ChargeOrder.objects.get()
        assert made <= {only.pk, None}
        assert only.pk in made
        results = work(scenario, only)
        assert outcomes(results) == [Outcome.PAID] * 3
        assert Invoice.objects.outstanding().count() == 0
        assert scenario.stripe.charges(customer=scenario.customer())["succeeded"] == 3
