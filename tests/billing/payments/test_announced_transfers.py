"""An announced bank transfer: no card is charged beside it, and it never waits for ever."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.urls import reverse

from billing import topics
from billing.corrections.bank_transfers import record_transfer
from billing.gateway import client as gateway
from billing.models import AnnouncedTransfer, ChargeAttempt, Payment
from billing.payments.announced_transfers import (
    announce_transfer,
    lapse_transfer,
    withdraw_transfer,
)
from billing.payments.balance_lock import CorrectionRefused
from billing.payments.card_invoices import card_invoices
from billing.payments.charge_lists import Outcome, charge_next, charge_results
from billing.payments.charging import charge_invoice
from billing.payments.new_card_charges import charges_of_card
from billing.payments.on_session import PaymentRefused, begin_on_session, card_obstacle
from billing.payments.uncharged import uncharged
from core.actors import SYSTEM_ACTOR
from core.operations.alerts import ALERT_MAIL
from core.operations.models import OperationsAlert
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tenants.models import AuditEntry
from tests.billing.conftest import BILL, NOVEMBER
from tests.billing.corrections.conftest import STAFF
from tests.billing.payments.test_charging import set_card_answer

State = AnnouncedTransfer.State
LATER = NOVEMBER + timedelta(hours=2)
EXPECTED = date(2026, 11, 8)
LAPSES = NOVEMBER.replace(day=9, hour=0, minute=0)


def announce(invoice, expected_on=EXPECTED, now=LATER):
    return announce_transfer(invoice_id=invoice.pk, expected_on=expected_on, actor=BILL, now=now)


def withdraw(invoice, now=LATER):
    withdraw_transfer(invoice_id=invoice.pk, actor=BILL, now=now)


def work(scenario, now):
    while deliver_due(now=now, schema=scenario.provider.schema_name):
        pass


def alerts(scenario, kind):
    found = OperationsAlert.objects.filter(schema_name=scenario.provider.schema_name, kind=kind)
    return found.filter(settled_at=None)


@pytest.fixture
def invoice(scenario):
    """An automatic invoice over 330 dollars, with a card on file."""
    scenario.card()
    return scenario.invoice()


def test_it_is_audited_and_mailed_to_operations(scenario, invoice):
    transfer = announce(invoice)

    assert (transfer.amount_minor, transfer.lapses_at) == (33_000, LAPSES)
    entry = AuditEntry.objects.get(action="transfer.announced")
    assert (entry.actor_name, entry.subject) == (BILL.name, invoice.number)
    alert = alerts(scenario, "billing.transfer_announced").get()
    assert f"Bill pays {invoice.number} by bank transfer: $330.00" in alert.summary
    assert alert.link == reverse("admin:billing_invoice_change", args=[invoice.pk])
    assert OutboxMessage.objects.filter(topic=ALERT_MAIL, key=f"alert:{alert.pk}").exists()


def test_it_is_of_what_is_due_and_holds_up_no_other_invoice(scenario, invoice):
    other = scenario.invoice(month="2026-09-01")
    received = {"received_on": date(2026, 11, 1), "actor": STAFF, "now": LATER}
    record_transfer(invoice_id=invoice.pk, amount_minor=3_000, reference="A", **received)
    assert announce(invoice).amount_minor == 30_000
    assert charge_invoice(invoice_id=other.pk, now=LATER) is not None
    assert card_obstacle(other) == ""


def test_its_days_are_those_of_the_billing_zone(scenario):
    # 00:10 UTC is still 31 October in Denver, and the day of 8 November ends there at 07:00 UTC.
    invoice = scenario.invoice(billing_time_zone="America/Denver")
    announce(invoice, date(2026, 10, 31), now=NOVEMBER)
    withdraw(invoice)
    with pytest.raises(CorrectionRefused):
        announce(invoice, date(2026, 11, 15), now=NOVEMBER)
    assert announce(invoice).lapses_at == LAPSES.replace(hour=7)


def test_no_card_is_charged_meanwhile(scenario, invoice):
    announce(invoice)

    assert charge_invoice(invoice_id=invoice.pk, now=LATER) is None
    assert charge_invoice(invoice_id=invoice.pk, now=LATER, cause="retry:1:1") is None
    with pytest.raises(PaymentRefused, match=r"\$330.00 is announced.*8 November 2026"):
        begin_on_session(invoice_id=invoice.pk, now=LATER)
    found = card_invoices(now=LATER)
    assert (found.charged, found.offered) == ([], [])
    assert uncharged(before=LATER) == []
    assert not ChargeAttempt.objects.exists()


def test_a_new_card_leaves_it_out_and_says_why(scenario, invoice):
    card = scenario.card()
    card.invoices_to_charge = [invoice.pk]
    card.save()
    announce(invoice)

    assert charge_next(charges_of_card(card), position=0, now=LATER) is None
    (result,) = charge_results(charges_of_card(card))
    assert (result.outcome, result.reason) == (
        Outcome.NOT_TRIED,
        "A bank transfer of this invoice is announced.",
    )


def test_after_it_is_withdrawn_the_card_is_charged(scenario, invoice):
    announce(invoice)
    charge_invoice(invoice_id=invoice.pk, now=LATER)
    withdraw(invoice)
    work(scenario, LATER)

    assert invoice.owed_minor == 0
    assert ChargeAttempt.objects.get().cause.startswith("transfer:")
    assert AuditEntry.objects.filter(action="transfer.withdrawn", subject=invoice.number).exists()
    assert not alerts(scenario, "billing.transfer_announced").exists()
    assert card_obstacle(invoice) == ""


def test_after_a_decline_the_planned_retry_waits_for_the_end(scenario):
    scenario.card()
    set_card_answer(scenario, "insufficient_funds")
    invoice = scenario.invoice()
    failed = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    announce(invoice)
    work(scenario, failed.retry_at + timedelta(minutes=1))
    assert ChargeAttempt.objects.count() == 1

    withdraw(invoice, now=failed.retry_at + timedelta(hours=1))
    work(scenario, failed.retry_at + timedelta(hours=1))

    assert ChargeAttempt.objects.count() == 2


def test_the_money_arrives(scenario, invoice):
    announce(invoice)
    received = {"received_on": date(2026, 11, 4), "actor": STAFF, "now": LAPSES - timedelta(days=4)}
    record_transfer(invoice_id=invoice.pk, amount_minor=30_000, reference="A", **received)
    assert charge_invoice(invoice_id=invoice.pk, now=LATER) is None, "the rest is under way"
    record_transfer(invoice_id=invoice.pk, amount_minor=3_000, reference="B", **received)

    assert AnnouncedTransfer.objects.get().state == State.SETTLED
    work(scenario, LAPSES)
    lapse_transfer(transfer_id=AnnouncedTransfer.objects.get().pk, now=LAPSES)
    assert AnnouncedTransfer.objects.get().state == State.SETTLED
    assert not alerts(scenario, "billing.transfer_announced").exists()
    assert not alerts(scenario, "billing.transfer_missing").exists()
    assert not ChargeAttempt.objects.exists()


def test_money_that_does_not_arrive_is_an_alert_and_the_card_pays(scenario, invoice):
    announce(invoice)
    work(scenario, LAPSES - timedelta(microseconds=1))
    assert AnnouncedTransfer.objects.get().state == State.UNDER_WAY

    work(scenario, LAPSES)

    assert AnnouncedTransfer.objects.get().state == State.MISSING
    alert = alerts(scenario, "billing.transfer_missing").get()
    assert f"$330.00 of {invoice.number} was expected" in alert.summary
    assert not alerts(scenario, "billing.transfer_announced").exists()
    assert alert.link == reverse("admin:billing_invoice_change", args=[invoice.pk])
    assert (invoice.owed_minor, ChargeAttempt.objects.count()) == (0, 1)
    assert AuditEntry.objects.get(action="transfer.missing").actor_name == SYSTEM_ACTOR.name


def test_after_its_end_what_is_agreed_to_be_mailed_is_not_charged(scenario):
    scenario.card()
    invoice = scenario.invoice(collection="by_invoice")
    announce(invoice)
    withdraw(invoice)
    work(scenario, LATER)
    assert not ChargeAttempt.objects.exists()


def test_the_end_of_an_earlier_transfer_does_not_end_a_later_one(scenario, invoice):
    first = announce(invoice)
    withdraw(invoice)
    second = announce(invoice)
    lapse_transfer(transfer_id=first.pk, now=LAPSES)
    second.refresh_from_db()
    assert second.state == State.UNDER_WAY


@pytest.mark.parametrize("day", [date(2026, 10, 31), date(2026, 11, 16)])
def test_only_the_next_14_days_can_be_chosen(scenario, invoice, day):
    with pytest.raises(CorrectionRefused) as refusal:
        announce(invoice, day)
    assert refusal.value.field == "expected_on"
    announce(invoice, date(2026, 11, 15))
    withdraw(invoice)
    announce(invoice, date(2026, 11, 1))


def test_a_second_one_and_one_for_nothing_are_refused(scenario, invoice):
    announce(invoice)
    with pytest.raises(CorrectionRefused, match="announced already"):
        announce(invoice)
    paid = scenario.invoice(month="2026-09-01", total_minor=0)
    with pytest.raises(CorrectionRefused, match="Nothing is due"):
        announce(paid)
    withdraw(invoice)
    with pytest.raises(CorrectionRefused, match="No bank transfer"):
        withdraw(invoice)


def test_while_a_charge_runs_it_is_refused(scenario, invoice):
    ChargeAttempt.objects.create(
        invoice=invoice,
        idempotency_key="k",
        amount_minor=33_000,
        currency="USD",
        created_at=NOVEMBER,
    )
    with pytest.raises(CorrectionRefused, match="under way"):
        announce(invoice)
    assert not AnnouncedTransfer.objects.exists()


def test_a_charge_that_waits_for_its_holder_is_withdrawn_and_made_again_after_it(scenario):
    scenario.card()
    set_card_answer(scenario, "authentication_required")
    invoice = scenario.invoice()
    waiting = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    assert waiting.state == ChargeAttempt.State.NEEDS_CONFIRMATION
    announce(invoice)
    assert not OutboxMessage.objects.filter(topic=topics.CHARGE, key__startswith="again").exists()
    work(scenario, LATER)
    waiting.refresh_from_db()
    assert (waiting.state, ChargeAttempt.objects.count()) == (ChargeAttempt.State.FAILED, 1)

    withdraw(invoice)
    work(scenario, LATER)

    assert ChargeAttempt.objects.count() == 2


ROUNDS = 4


def test_a_charge_and_an_announcement_at_once_never_both_pass(committed_scenario):
    scenario = committed_scenario
    scenario.card()
    for number in range(ROUNDS):
        invoice = scenario.invoice(month=f"2026-0{number + 1}-01")
        barrier = Barrier(2)

        def run(act, barrier=barrier):
            try:
                with provider_schema(scenario.provider):
                    barrier.wait(timeout=20)
                    return act()
            except (CorrectionRefused, gateway.GatewayError) as refusal:
                return refusal
            finally:
                connection.close()

        acts = (
            lambda invoice=invoice: charge_invoice(invoice_id=invoice.pk, now=LATER),
            lambda invoice=invoice: announce(invoice),
        )
        with ThreadPoolExecutor(2) as people:
            attempt, announced = people.map(run, acts)

        is_announced = isinstance(announced, AnnouncedTransfer)
        assert is_announced == (attempt is None), (attempt, announced)
        assert Payment.objects.filter(invoice=invoice).count() == (0 if is_announced else 1)
