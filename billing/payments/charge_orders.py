"""Paying all: a person charges every open invoice to the card on file, after one confirmation.

Each invoice is its own payment, made by `billing.payments.charge_lists`. What the page showed is
a token: the same form sent twice makes one order. While an order is under way there is no other.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from billing import topics
from billing.charge_limits import fits_a_card
from billing.models import ChargeAttempt, Chargeback, ChargeOrder, Invoice, PaymentMethod
from billing.money import format_amounts
from billing.payments import charge_lists
from billing.payments.charge_lists import ChargeList, charge_results
from billing.payments.on_session import card_obstacle
from billing.seen import ChangedSince, ChangeRefused, require_seen, seen_token
from core.actors import Actor
from tenants import audit

TAKEN_BACK = "The bank took an earlier payment of it back. Pay it on its own page."
RUNNING = "A charge of this invoice is under way."
TO_CONFIRM = "Your bank asks you to confirm a charge of this invoice, on its own page."


@dataclass(frozen=True, slots=True)
class PayableInvoices:
    """What the card on file can pay now, oldest first, and each other open invoice with why not."""

    card: PaymentMethod | None
    invoices: list[Invoice]
    left_out: list[tuple[Invoice, str]]

    @property
    def sums(self) -> dict[str, int]:
        """What is due in each currency, in minor units."""
        sums: dict[str, int] = {}
        for each in self.invoices:
            sums[each.currency] = sums.get(each.currency, 0) + each.amounts.due_minor
        return sums

    def token(self) -> str:
        """The token of these facts, another one after each order."""
        last = ChargeOrder.objects.values_list("pk", flat=True).last()
        due = [(each.pk, each.amounts.due_minor) for each in self.invoices]
        return seen_token("pay all", self.card and self.card.pk, due, last)


def payable_invoices() -> PayableInvoices:
    """Return every open invoice of the current provider: the card can pay it, or why not."""
    lost = set(
        Chargeback.objects.filter(state=Chargeback.State.LOST).values_list(
            "payment__invoice_id", flat=True
        )
    )
    payable, left_out = [], []
    for invoice in Invoice.objects.outstanding().oldest_first().prefetch_related("attempts"):
        if invoice.amounts.due_minor == 0:
            continue  # All of it is disputed.
        why_not = TAKEN_BACK if invoice.pk in lost else _obstacle(invoice)
        if why_not:
            left_out.append((invoice, why_not))
        else:
            payable.append(invoice)
    return PayableInvoices(PaymentMethod.objects.current(), payable, left_out)


def _obstacle(invoice: Invoice) -> str:
    unfinished = next((each for each in invoice.attempts.all() if not each.finished_at), None)
    if unfinished is not None:
        is_asked = unfinished.state == ChargeAttempt.State.NEEDS_CONFIRMATION
        return TO_CONFIRM if is_asked else RUNNING
    return card_obstacle(invoice)


def has_payable_invoices() -> bool:
    """Whether a page may offer to pay all: a card is on file, and an open invoice fits a card."""
    return PaymentMethod.objects.current() is not None and any(
        fits_a_card(each.amounts.due_minor, each.currency) for each in Invoice.objects.outstanding()
    )


def order_under_way() -> ChargeOrder | None:
    """The last order if a charge of it is still open; None otherwise."""
    last = ChargeOrder.objects.select_related("card").last()
    if last is None or not any(each.is_open for each in charge_results(charges_of_order(last))):
        return None
    return last


def charges_of_order(order: ChargeOrder) -> ChargeList:
    """The invoices of an order."""
    return ChargeList(
        card=order.card,
        invoice_ids=order.invoices_to_charge,
        cause=f"order:{order.pk}",
        topic=topics.CHARGE_ORDER,
        payload={"order_id": order.pk},
        since=order.ordered_at,
    )


@transaction.atomic
def order_charges(*, seen: str, actor: Actor, now: datetime) -> ChargeOrder:
    """Charge what the person saw, one invoice after the other; return the order.

    The same `seen` returns the order that it made. Raises `ChangeRefused` without a card or an
    invoice, and `ChangedSince` if the invoices, their amounts or the card changed, or while another
    order is under way.
    """
    # One order at a time: a second form waits here, and then finds the first one's order.
    card = PaymentMethod.objects.select_for_update().filter(replaced_at=None).first()
    known = ChargeOrder.objects.select_related("card").filter(seen=seen).first()
    if known is not None:
        return known
    payable = payable_invoices()
    if card is None or not payable.invoices:
        raise ChangeRefused("There is no card on file, or nothing that it can pay now.")
    require_seen(seen, now=payable.token(), subject="What is open")
    if order_under_way() is not None:
        raise ChangedSince("Your invoices are being charged already.")
    order = ChargeOrder.objects.create(
        card=card,
        invoices_to_charge=[each.pk for each in payable.invoices],
        seen=seen,
        ordered_at=now,
        ordered_by_id=actor.id,
        ordered_by_name=actor.name[:200],
    )
    audit.record(
        actor=actor,
        action="invoice.all_ordered",
        subject=str(card),
        after={
            "pays": ", ".join(each.number for each in payable.invoices),
            "amount": format_amounts(payable.sums),
        },
        now=now,
    )
    charge_lists.start(charges_of_order(order), now=now)
    return order
