"""Whether a bank transfer of an invoice is under way, and its end.

While it is, no card is charged for the invoice: otherwise it could be paid twice. The invoice's
lock decides between a charge and an announcement.
"""

from datetime import datetime

from django.urls import reverse

from billing import topics
from billing.formatting import date_text
from billing.models import AnnouncedTransfer, Invoice
from billing.money import format_money
from billing.payments.uncharged import uncharged
from core.actors import Actor
from core.operations.alerts import raise_alert, settle_alert
from core.operations.kinds import alert_kind
from core.outbox.delivery import enqueue
from tenants import audit

State = AnnouncedTransfer.State
ANNOUNCED = alert_kind("billing.transfer_announced", title="A bank transfer was announced")
MISSING = alert_kind(
    "billing.transfer_missing",
    title="An announced bank transfer did not arrive",
    settled_by_hand=True,
)


def transfer_under_way(invoice: Invoice) -> AnnouncedTransfer | None:
    """Return the invoice's announced transfer; final while the invoice is locked."""
    return AnnouncedTransfer.objects.filter(invoice=invoice, state=State.UNDER_WAY).first()


def report_announced(transfer: AnnouncedTransfer, *, now: datetime) -> None:
    """Alert operations, by mail too, until the transfer has ended."""
    raise_alert(
        kind=ANNOUNCED,
        key=transfer.invoice.number,
        summary=f"{transfer.announced_by_name} pays {transfer.invoice.number} by bank transfer: "
        f"{format_money(transfer.amount_minor, transfer.currency)}, expected by "
        f"{date_text(transfer.expected_on)}. No card is charged for it until then.",
        next_step="Record the transfer when it arrives. The alert ends when nothing is due any "
        "more, when the transfer is withdrawn, or on the day after it was expected.",
        link=_invoice_page(transfer.invoice),
        now=now,
    )


def end_transfer(
    transfer: AnnouncedTransfer, *, state: AnnouncedTransfer.State, actor: Actor, now: datetime
) -> None:
    """End a transfer that is under way; the caller holds the invoice's lock.

    What is due is charged again, unless nothing is charged automatically. A transfer that did not
    arrive becomes an operations alert.
    """
    invoice = transfer.invoice
    transfer.state, transfer.ended_at = state, now
    transfer.ended_by_id, transfer.ended_by_name = actor.id, actor.name[:200]
    transfer.save(update_fields=["state", "ended_at", "ended_by_id", "ended_by_name"])
    audit.record(
        actor=actor,
        action=f"transfer.{state.value}",
        subject=invoice.number,
        subject_id=invoice.pk,
        now=now,
    )
    settle_alert(kind=ANNOUNCED, key=invoice.number, now=now)
    if state == State.MISSING:
        _report_missing(transfer, now=now)
    if uncharged(before=now, invoice_id=invoice.pk):
        cause = f"transfer:{transfer.pk}"
        payload = {"invoice_id": invoice.pk, "cause": cause}
        enqueue(topic=topics.CHARGE, key=cause, payload=payload, now=now)


def _report_missing(transfer: AnnouncedTransfer, *, now: datetime) -> None:
    due = format_money(transfer.invoice.amounts.due_minor, transfer.currency)
    raise_alert(
        kind=MISSING,
        key=transfer.invoice.number,
        summary=f"{due} of {transfer.invoice.number} was expected by bank transfer by "
        f"{date_text(transfer.expected_on)} and is not recorded. A card on file is charged for it "
        "from now on.",
        next_step="Look for the money on the bank account. If it is there and the card was charged "
        "too, record the transfer on another invoice or send it back. If not, ask the provider.",
        link=_invoice_page(transfer.invoice),
        now=now,
    )


def _invoice_page(invoice: Invoice) -> str:
    return reverse("admin:billing_invoice_change", args=[invoice.pk])
