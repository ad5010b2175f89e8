"""Corrections pause, resume and end dunning at once."""

from datetime import UTC, date, datetime, timedelta

from billing.choices import Collection
from billing.corrections.bank_transfers import record_transfer
from billing.corrections.credits import credit_amount
from billing.corrections.line_disputes import accept_dispute, decline_dispute, open_dispute
from billing.corrections.voids_and_write_offs import void_invoice, write_off
from billing.dunning.stages import DunningStage
from billing.dunning.status import dunning_status, update_dunning
from billing.models import DunningStep
from core.outbox.models import OutboxMessage
from tests.billing.corrections.conftest import STAFF, with_lines

DUE = datetime(2026, 11, 1, tzinfo=UTC)
BY_INVOICE = Collection.BY_INVOICE


def suspended(scenario, *amounts, **changes):
    """An invoice due on 1 November and unpaid on 20 December: suspended."""
    invoice = with_lines(scenario, *(amounts or (20_000, 10_000)), collection=BY_INVOICE, **changes)
    update_dunning(now=on(49))
    assert stage_on(scenario, 49) == DunningStage.SUSPENDED
    return invoice


def on(days):
    return DUE + timedelta(days=days, hours=12)


def stage_on(scenario, days):
    scenario.provider.refresh_from_db()
    return dunning_status(provider=scenario.provider, now=on(days)).stage


def restored_mails():
    return OutboxMessage.objects.filter(key__startswith="access_restored:").count()


def transfer(invoice, amount_minor, days=49):
    return record_transfer(
        invoice_id=invoice.pk,
        amount_minor=amount_minor,
        received_on=date(2026, 12, 20),
        reference="Statement 12",
        actor=STAFF,
        now=on(days),
    )


def test_a_transfer_restores_access_at_once(scenario):
    invoice = suspended(scenario)

    transfer(invoice, 29_950)
    assert stage_on(scenario, 49) == DunningStage.SUSPENDED, "part of the money is not the money"
    # What remains now is too small for a card: the next invoice asks for it.
    transfer(invoice, 1)

    assert stage_on(scenario, 49) == DunningStage.CURRENT
    assert DunningStep.objects.filter(ended_at=None).count() == 0
    assert restored_mails() == 1


def test_a_credit_note_restores_access_at_once(scenario):
    invoice = suspended(scenario)
    credit_amount(
        invoice_id=invoice.pk, total_minor=30_000, reason="Goodwill", actor=STAFF, now=on(49)
    )

    assert stage_on(scenario, 49) == DunningStage.CURRENT
    assert restored_mails() == 1


def test_void_and_written_off_invoices_do_not_suspend(scenario):
    first = suspended(scenario)
    second = with_lines(scenario, 5_000, collection=BY_INVOICE, month="2026-09-01")

    void_invoice(invoice_id=first.pk, reason="Wrong buyer", actor=STAFF, now=on(49))
    assert stage_on(scenario, 49) == DunningStage.SUSPENDED
    write_off(invoice_id=second.pk, reason="Insolvent", actor=STAFF, now=on(49))

    assert stage_on(scenario, 49) == DunningStage.CURRENT


def test_a_disputed_line_counts_for_no_step_until_it_is_answered(scenario):
    invoice = suspended(scenario, 20_000, 10_000)
    transfer(invoice, 20_000)
    assert stage_on(scenario, 49) == DunningStage.SUSPENDED

    dispute = open_dispute(
        line=invoice.lines.get(position=2), reason="Gone in May", actor=STAFF, now=on(49)
    )

    assert stage_on(scenario, 49) == DunningStage.CURRENT
    assert stage_on(scenario, 80) == DunningStage.CURRENT
    assert invoice.owed_minor == 10_000, "it is owed all the same"
    decline_dispute(dispute_id=dispute.pk, answer="They were there", actor=STAFF, now=on(60))
    assert stage_on(scenario, 60) == DunningStage.CURRENT, "due again on the day of the answer"
    assert stage_on(scenario, 61) == DunningStage.OUTSTANDING
    assert stage_on(scenario, 60 + 30) == DunningStage.THIRTY_DAYS
    assert stage_on(scenario, 60 + 45) == DunningStage.SUSPENDED


def test_the_undisputed_rest_of_an_invoice_is_dunned(scenario):
    invoice = suspended(scenario, 20_000, 10_000)

    dispute = open_dispute(
        line=invoice.lines.get(position=2), reason="Gone in May", actor=STAFF, now=on(49)
    )
    assert stage_on(scenario, 49) == DunningStage.SUSPENDED
    (debt,) = dunning_status(provider=scenario.provider, now=on(49)).debts
    assert debt.owed_minor == 20_000

    decline_dispute(dispute_id=dispute.pk, answer="They were there", actor=STAFF, now=on(50))
    assert stage_on(scenario, 50) == DunningStage.SUSPENDED, "a small dispute restarts no clock"


def test_an_accepted_dispute_ends_the_debt(scenario):
    invoice = suspended(scenario, 30_000)
    dispute = open_dispute(line=invoice.lines.get(), reason="Wrong", actor=STAFF, now=on(49))

    accept_dispute(dispute_id=dispute.pk, answer="", actor=STAFF, now=on(60))

    assert stage_on(scenario, 200) == DunningStage.CURRENT
    assert (invoice.owed_minor, invoice.status) == (0, "paid")


def test_a_lost_chargeback_is_due_on_the_day_it_is_lost(scenario):
    invoice = suspended(scenario, 30_000)
    payment = transfer(invoice, 30_000)
    payment.chargebacks.create(
        stripe_dispute_id="dp_1",
        amount_minor=30_000,
        currency="USD",
        state="lost",
        opened_at=on(55),
        closed_at=on(70),
    )
    update_dunning(now=on(70))

    assert stage_on(scenario, 70) == DunningStage.CURRENT
    assert stage_on(scenario, 71) == DunningStage.OUTSTANDING
    assert stage_on(scenario, 70 + 45) == DunningStage.SUSPENDED
