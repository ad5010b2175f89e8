"""Ordering a pack: priced, confirmed, and invoiced in one transaction, once."""

from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from accounts.models import Offer, OfferPrice, Provider
from billing.choices import InvoiceKind, LineKind
from billing.invoicing.issue import deliveries_of, issue_invoices
from billing.models import BillingProfile, Contract, PackOrder
from billing.money import round_minor
from billing.rating.rate_month import InvoiceDraft, LineDraft, Terms, draft_invoice
from billing.rating.terms import terms_of
from core.actors import Actor
from core.months import Month
from core.outbox.delivery import enqueue_all
from tenants import audit


class OrderRefused(Exception):
    """The pack can't be ordered; nothing was. The message is for people."""


class OfferChanged(OrderRefused):
    """The price is another than the one confirmed, or the pack is no longer offered."""


@dataclass
class AlreadyOrdered(Exception):
    """The same confirmation was sent before, or another order came between."""

    order: PackOrder


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What a person saw and said yes to: pack, term, total with tax, and the order before."""

    quantity: int
    months: int
    total_minor: int
    follows: int


@dataclass(frozen=True, slots=True)
class Quote:
    """A pack as it would be ordered now; amounts in minor units of `currency`.

    It covers `first` up to `last`. `follows` is the order that was the last when it was made.
    """

    offer: Offer
    contract: Contract
    terms: Terms
    first: Month
    draft: InvoiceDraft
    follows: int

    @property
    def to_be_confirmed(self) -> Confirmed:
        """What is to be seen before it is ordered."""
        return Confirmed(
            self.offer.quantity, self.offer.months, self.draft.total_minor, self.follows
        )

    @property
    def last(self) -> Month:
        """The last month covered."""
        return self.first.plus(months=self.offer.months - 1)

    @property
    def currency(self) -> str:
        """The contract's."""
        return self.terms.currency


def offered(*, currency: str) -> list[OfferPrice]:
    """The packs on offer that have a price in the currency, the smallest first."""
    prices = OfferPrice.objects.filter(currency=currency, offer__is_offered=True)
    return list(prices.select_related("offer").order_by("offer__quantity", "offer__months"))


def last_order_id() -> int:
    """The id of the current provider's last order; 0 before the first."""
    return PackOrder.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def ordering_contract(*, provider: Provider, now: datetime) -> Contract:
    """The contract an order is invoiced under. Raises `OrderRefused` where nobody could pay."""
    month = Month.of(now, provider.billing_zone())
    contract = Contract.objects.current(month)
    if contract is None:
        raise OrderRefused("Packs are ordered under a contract. Submit your payment information.")
    terms = terms_of(contract, None)
    if not terms.has_card and not terms.invoice_agreement:
        raise OrderRefused("A pack is paid at once. Submit your payment information first.")
    return contract


def quote(*, provider: Provider, offer_id: int, now: datetime) -> Quote:
    """What the pack costs and covers, ordered at `now`. Raises `OrderRefused`, `OfferChanged`."""
    contract = ordering_contract(provider=provider, now=now)
    price = next(
        (one for one in offered(currency=contract.currency) if one.offer_id == offer_id), None
    )
    if price is None:
        raise OfferChanged("This pack is no longer offered.")
    month = Month.of(now, provider.billing_zone())
    terms = terms_of(contract, BillingProfile.objects.current())
    return Quote(
        offer=price.offer,
        contract=contract,
        terms=terms,
        first=month,
        draft=_draft(price, terms=terms, month=month),
        follows=last_order_id(),
    )


def _draft(price: OfferPrice, *, terms: Terms, month: Month) -> InvoiceDraft:
    offer = price.offer
    last = month.plus(months=offer.months - 1)
    until = f" to {last.first_day:%B %Y}" if last != month else ""
    line = LineDraft(
        kind=LineKind.PACK,
        description=(
            f"{offer.name}: {offer.quantity:,} monthly active users more, "
            f"{month.first_day:%B %Y}{until}"
        ),
        metric="packs",
        quantity=1,
        unit_price=price.price,
        amount_minor=round_minor(price.price, terms.currency),
    )
    return draft_invoice(InvoiceKind.ORDER, (line,), terms=terms)


def order_pack(
    *,
    provider: Provider,
    offer_id: int,
    confirmed: Confirmed,
    actor: Actor,
    now: datetime,
) -> PackOrder:
    """Order the pack as it was shown and confirmed.

    The allowance is up and the invoice is issued when this returns; its documents follow, and the
    card or the mail. Confirmed again it raises `AlreadyOrdered` with the order that came of it.
    Raises `OfferChanged` where something of it is another now, and `OrderRefused`.
    """
    try:
        with transaction.atomic():
            return _order(
                quote(provider=provider, offer_id=offer_id, now=now),
                provider=provider,
                confirmed=confirmed,
                actor=actor,
                now=now,
            )
    except IntegrityError as error:
        # Another confirmation of the same look was first: its order stands, and only that.
        known = PackOrder.objects.filter(follows=confirmed.follows).first()
        if known is None:
            raise
        raise AlreadyOrdered(known) from error


def _order(
    quoted: Quote,
    *,
    provider: Provider,
    confirmed: Confirmed,
    actor: Actor,
    now: datetime,
) -> PackOrder:
    known = PackOrder.objects.filter(follows=confirmed.follows).first()
    if known is not None:
        raise AlreadyOrdered(known)
    if confirmed != quoted.to_be_confirmed:
        raise OfferChanged("The offer changed since you looked. Look at it again.")
    offer = quoted.offer
    (invoice,) = issue_invoices(
        provider=provider,
        contract=quoted.contract,
        profile=BillingProfile.objects.current(),
        drafts=[quoted.draft],
        month=quoted.first,
        last_month=quoted.last,
        now=now,
    )
    order = PackOrder.objects.create(
        invoice=invoice,
        follows=confirmed.follows,
        offer_id=offer.pk,
        offer_name=offer.name,
        quantity=offer.quantity,
        months=offer.months,
        starts_on=quoted.first.first_day,
        ends_on=quoted.last.next.first_day,
        ordered_at=now,
        ordered_by_id=actor.id,
        ordered_by_name=actor.name,
    )
    enqueue_all(messages=deliveries_of(invoice), now=now)
    _record(order, number=invoice.number, actor=actor, now=now)
    return order


def _record(order: PackOrder, *, number: str, actor: Actor, now: datetime) -> None:
    audit.record(
        actor=actor,
        action="allowance.extended",
        subject=order.offer_name,
        after={
            "quantity": order.quantity,
            "starts_on": order.starts_on.isoformat(),
            "ends_on": order.ends_on.isoformat(),
            "invoice": number,
        },
        now=now,
    )
