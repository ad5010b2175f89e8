"""Balances too small for a card: carried to the next invoice, or written off.

Rules: docs/decisions/0032. A balance is due on an issued invoice, below the smallest charge of its
currency, and not under dispute. A credit note, a short transfer or a chargeback can leave one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Exists, OuterRef

from billing.charge_limits import is_too_small
from billing.models import CarriedBalance, ChargeAttempt, Invoice
from billing.models.invoice_queries import InvoiceQuerySet
from billing.money import format_money
from core.actors import SYSTEM_ACTOR
from core.months import Month
from tenants import audit

TOO_SMALL = "Too small to be charged to a card"


@dataclass(frozen=True, slots=True)
class SmallBalance:
    """What is due on an invoice, in minor units of its currency."""

    invoice: Invoice
    due_minor: int


def small_balances() -> list[SmallBalance]:
    """Return the current provider's small balances, oldest first.

    An invoice whose charge is running is left for the next close.
    """
    running = ChargeAttempt.objects.filter(invoice=OuterRef("pk"), finished_at=None)
    return _small(Invoice.objects.outstanding().filter(~Exists(running)))


def locked_small_balances() -> list[SmallBalance]:
    """As `small_balances`; their invoices are locked until the transaction ends."""
    found = [balance.invoice.pk for balance in small_balances()]
    if not found:
        return []
    invoices = Invoice.objects.filter(pk__in=found).order_by("pk")
    list(invoices.select_for_update().values_list("pk", flat=True))
    return [balance for balance in small_balances() if balance.invoice.pk in found]


def _small(invoices: InvoiceQuerySet[Invoice]) -> list[SmallBalance]:
    owed = ((invoice, invoice.amounts) for invoice in invoices.oldest_first())
    return [
        SmallBalance(invoice, amounts.due_minor)
        for invoice, amounts in owed
        if not amounts.disputed_minor and is_too_small(amounts.due_minor, invoice.currency)
    ]


def carried_to_next(balances: Sequence[SmallBalance], *, currency: str) -> list[SmallBalance]:
    """Return those of the balances that the next invoice in this currency carries."""
    if settings.SMALL_BALANCE_MONTHS == 0:
        return []
    return [balance for balance in balances if balance.invoice.currency == currency]


def carry(balances: Sequence[SmallBalance], *, to: Invoice, now: datetime) -> None:
    """Record that `to`, which was issued with their sum, carries these locked balances."""
    CarriedBalance.objects.bulk_create(
        CarriedBalance(
            from_invoice=balance.invoice,
            to_invoice=to,
            amount_minor=balance.due_minor,
            carried_at=now,
        )
        for balance in balances
    )


def write_off_old(balances: Sequence[SmallBalance], *, month: Month, now: datetime) -> None:
    """Write off the locked balances that waited `SMALL_BALANCE_MONTHS` closes; `month` closes."""
    oldest_kept = month.plus(months=-settings.SMALL_BALANCE_MONTHS).first_day
    for balance in balances:
        invoice = balance.invoice
        if settings.SMALL_BALANCE_MONTHS and invoice.month > oldest_kept:
            continue
        invoice.write_off(reason=TOO_SMALL, actor=SYSTEM_ACTOR, now=now)
        audit.record(
            actor=SYSTEM_ACTOR,
            action="invoice.written_off",
            subject=invoice.number,
            subject_id=invoice.pk,
            before={"owed": format_money(balance.due_minor, invoice.currency)},
            after={"reason": TOO_SMALL},
            now=now,
        )
