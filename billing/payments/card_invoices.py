"""The invoices that a new card pays, and those that it pays only if a person asks for it.

Rules: docs/decisions/0005. A card pays what is charged automatically, and what is overdue and
below the automatic limit. What was agreed to come by transfer, is not due yet, or is at or above
the limit is offered: a transfer of it may be under way. So is everything that was mailed, if the
customer chose against automatic payment.
"""

from collections.abc import Collection as CollectionOf
from dataclasses import dataclass
from datetime import datetime

from accounts.providers import current_provider
from billing.charge_limits import automatic_limit, fits_a_card
from billing.choices import Collection
from billing.models import AnnouncedTransfer, BillingProfile, Chargeback, Contract, Invoice
from core.months import Month

# Stripe keeps their ids with the card, in 500 characters.
MOST_OFFERED = 40


@dataclass(frozen=True, slots=True)
class CardInvoices:
    """The unpaid invoices that a card can pay, oldest first; each is in one list."""

    charged: list[Invoice]
    offered: list[Invoice]


def card_invoices(*, now: datetime) -> CardInvoices:
    """Return what a card put on file at `now` pays, and what it may pay.

    Left out: amounts that no card can pay, and invoices with a lost chargeback or an announced bank
    transfer.
    """
    lost = Chargeback.objects.filter(state=Chargeback.State.LOST)
    announced = AnnouncedTransfer.objects.filter(state=AnnouncedTransfer.State.UNDER_WAY)
    owed = (
        Invoice.objects.outstanding()
        .exclude(pk__in=lost.values("payment__invoice_id"))
        .exclude(pk__in=announced.values("invoice_id"))
    )
    payable = [
        invoice
        for invoice in owed.oldest_first()
        if fits_a_card(invoice.amounts.due_minor, invoice.currency)
    ]
    by_transfer = set(Contract.objects.filter(invoice_agreement=True).values_list("pk", flat=True))
    limits = _Limits.at(now)
    profile = BillingProfile.objects.current()
    pays_automatically = profile is None or profile.pays_automatically
    charged = [
        invoice
        for invoice in payable
        if invoice.collection == Collection.AUTOMATIC
        or (
            pays_automatically
            and invoice.is_overdue(today=now.astimezone(invoice.billing_zone()).date())
            and invoice.contract_summary.get("id") not in by_transfer
            and invoice.amounts.due_minor < limits.of(invoice.currency)
        )
    ]
    offered = [invoice for invoice in payable if invoice not in charged]
    return CardInvoices(charged, offered[:MOST_OFFERED])


def invoices_to_charge(*, chosen: CollectionOf[int] = (), now: datetime) -> list[int]:
    """Return the ids of the invoices that a new card pays, oldest first.

    `chosen` are ids that a person ticked; one that is no longer offered is left out.
    """
    found = card_invoices(now=now)
    invoices = [*found.charged, *(each for each in found.offered if each.pk in chosen)]
    return [each.pk for each in sorted(invoices, key=lambda each: (each.issued_at, each.pk))]


@dataclass(frozen=True, slots=True)
class _Limits:
    """The automatic limits: the current contract's in its currency, the usual one in others."""

    contract: Contract | None

    @classmethod
    def at(cls, now: datetime) -> "_Limits":
        month = Month.of(now, current_provider().billing_zone())
        return cls(Contract.objects.current(month))

    def of(self, currency: str) -> int:
        if self.contract is not None and self.contract.currency == currency:
            return self.contract.automatic_limit_minor
        return automatic_limit(currency)
