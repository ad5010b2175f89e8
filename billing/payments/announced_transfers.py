"""A customer pays an invoice a different way: announces a bank transfer, or withdraws it."""

from datetime import date, datetime, timedelta

from django.conf import settings

from billing import topics
from billing.models import AnnouncedTransfer, Invoice
from billing.money import format_money
from billing.payments.balance_lock import CorrectionRefused, change_balance, require_no_charge
from billing.payments.transfers_under_way import (
    State,
    end_transfer,
    report_announced,
    transfer_under_way,
)
from core.actors import SYSTEM_ACTOR, Actor
from core.months import day_starts_at
from core.outbox.delivery import enqueue
from tenants import audit

ONE_DAY = timedelta(days=1)


def last_day(today: date) -> date:
    """The latest day by which an announced transfer may be expected."""
    return today + timedelta(days=settings.TRANSFER_DAYS)


def announce_transfer(
    *, invoice_id: int, expected_on: date, actor: Actor, now: datetime
) -> AnnouncedTransfer:
    """Let no card be charged for the invoice until the end of `expected_on`, and tell operations.

    A charge that waits for its card holder is withdrawn. Raises `CorrectionRefused` if nothing is
    due, for a day that is past or too late, while another transfer is under way, and while a charge
    runs.
    """

    def announce(invoice: Invoice) -> AnnouncedTransfer:
        zone = invoice.billing_zone()
        due_minor = invoice.amounts.due_minor
        if due_minor == 0:
            raise CorrectionRefused(f"Nothing is due on {invoice.number}.")
        if transfer_under_way(invoice) is not None:
            raise CorrectionRefused(f"A bank transfer of {invoice.number} is announced already.")
        _check_day(expected_on, today=now.astimezone(zone).date())
        require_no_charge(invoice)
        transfer = AnnouncedTransfer.objects.create(
            invoice=invoice,
            amount_minor=due_minor,
            currency=invoice.currency,
            expected_on=expected_on,
            lapses_at=day_starts_at(day=expected_on + ONE_DAY, zone=zone),
            announced_at=now,
            announced_by_id=actor.id,
            announced_by_name=actor.name[:200],
        )
        enqueue(
            topic=topics.TRANSFER_LAPSE,
            key=f"transfer:{transfer.pk}",
            payload={"transfer_id": transfer.pk},
            now=now,
            due_at=transfer.lapses_at,
        )
        amount = format_money(due_minor, invoice.currency)
        audit.record(
            actor=actor,
            action="transfer.announced",
            subject=invoice.number,
            subject_id=invoice.pk,
            after={"amount": amount, "expected": expected_on.isoformat()},
            now=now,
        )
        report_announced(transfer, now=now)
        return transfer

    return change_balance(announce, invoice_id=invoice_id, now=now)


def _check_day(expected_on: date, *, today: date) -> None:
    if not today <= expected_on <= last_day(today):
        raise CorrectionRefused(
            f"Choose a day from today to {settings.TRANSFER_DAYS} days from now.",
            field="expected_on",
        )


def withdraw_transfer(*, invoice_id: int, actor: Actor, now: datetime) -> None:
    """Let a card be charged for the invoice again. `CorrectionRefused` without a transfer."""

    def withdraw(invoice: Invoice) -> None:
        transfer = transfer_under_way(invoice)
        if transfer is None:
            raise CorrectionRefused(f"No bank transfer of {invoice.number} is announced.")
        end_transfer(transfer, state=State.WITHDRAWN, actor=actor, now=now)

    change_balance(withdraw, invoice_id=invoice_id, now=now)


def lapse_transfer(*, transfer_id: int, now: datetime) -> None:
    """End a transfer that did not arrive in time; safe to repeat, and nothing for an ended one."""

    def lapse(invoice: Invoice) -> None:
        transfer = transfer_under_way(invoice)
        if transfer is not None and transfer.pk == transfer_id:
            end_transfer(transfer, state=State.MISSING, actor=SYSTEM_ACTOR, now=now)

    invoice_id = AnnouncedTransfer.objects.values_list("invoice_id", flat=True).get(pk=transfer_id)
    change_balance(lapse, invoice_id=invoice_id, now=now)
