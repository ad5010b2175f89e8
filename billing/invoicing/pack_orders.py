"""Orders of packs: quoted, confirmed, and invoiced once in one transaction."""

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
from core.metrics import Metric
from core.months import Month
from core.outbox.delivery import enqueue_all
from tenants import audit


class OrderRefused(Exception):
    """The pack can't be ordered; nothing has changed. The message is shown to the user."""


class NotOffered(OrderRefused):
    """The pack is no longer offered."""


class OfferChanged(OrderRefused):
    """The pack is still offered, but not as it was confirmed."""


@dataclass
class AlreadyOrdered(Exception):
    """This confirmation was already used, by the same or by another order."""

    order: PackOrder


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The values that a user confirmed: pack, months, total with tax, and the previous order.

    `first` is the first month that the pack covers, such as "2026-10": an order after the end of
    the month would cover others.
    """

    quantity: int
    first: str
    months: int
    total_minor: int
    follows: int


@dataclass(frozen=True, slots=True)
class Quote:
    """A pack at its current price; amounts in minor units of `currency`.

    It covers the months `first` to `last`. `follows` is the id of the last order so far, or 0.
    """

    offer: Offer
    contract: Contract
    terms: Terms
    first: Month
    draft: InvoiceDraft
    follows: int

    @property
    def to_be_confirmed(self) -> Confirmed:
        """The values that the user has to confirm."""
        return Confirmed(
            quantity=self.offer.quantity,
            first=str(self.first),
            months=self.offer.months,
            total_minor=self.draft.total_minor,
            follows=self.follows,
        )

    @property
    def last(self) -> Month:
        """The last month covered."""
        return self.first.plus(months=self.offer.months - 1)

    @property
    def currency(self) -> str:
        """The contract's currency."""
        return self.terms.currency


def offered(*, currency: str) -> list[OfferPrice]:
    """The offered packs with a price in the currency, smallest first."""
    prices = OfferPrice.objects.filter(currency=currency, offer__is_offered=True)
    return list(prices.select_related("offer").order_by("offer__quantity", "offer__months"))


def last_order_id() -> int:
    """The id of the current provider's last order; 0 before the first."""
    return PackOrder.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def ordering_contract(*, provider: Provider, now: datetime) -> Contract:
    """The contract that an order is invoiced under.

    Raises `OrderRefused` without a contract, without one that bills active users, whose bill a pack
    would not change, or without a card or an invoice agreement.
    """
    month = Month.of(now, provider.billing_zone())
    contract = Contract.objects.current(month)
    if contract is None:
        raise OrderRefused("Packs are ordered under a contract. Submit your payment information.")
    if contract.metric != Metric.ACTIVE_USERS:
        raise OrderRefused(
            "Your contract does not bill active users: a pack would change no bill, so none is "
            "sold. Your account manager can change the contract."
        )
    terms = terms_of(contract, BillingProfile.objects.current())
    if not terms.has_card and not terms.invoice_agreement:
        raise OrderRefused("A pack is paid at once. Submit your payment information first.")
    return contract


def quote(*, provider: Provider, offer_id: int, now: datetime) -> Quote:
    """Quote a pack ordered at `now`. Raises `OrderRefused` or `NotOffered`."""
    contract = ordering_contract(provider=provider, now=now)
    price = next(
        (each for each in offered(currency=contract.currency) if each.offer_id == offer_id), None
    )
    if price is None:
        raise NotOffered("This pack is no longer offered.")
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
    """Order the pack as quoted and confirmed: raise the allowance and issue the invoice.

    The outbox then renders the documents and charges the card or mails the invoice. Raises
    `AlreadyOrdered` with the order if this confirmation was already used, `OfferChanged` if the
    offer or the months that it covers differ from the confirmed ones, `NotOffered` and
    `OrderRefused`.
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
        # Two confirmations of the same quote: only the first one orders.
        earlier = PackOrder.objects.filter(follows=confirmed.follows).first()
        if earlier is None:
            raise
        raise AlreadyOrdered(earlier) from error


def _require_unchanged(quoted: Quote, confirmed: Confirmed) -> None:
    """Raise `OfferChanged` if the order would be another one than was confirmed."""
    if confirmed.first != str(quoted.first):
        raise OfferChanged(
            f"{quoted.first.first_day:%B %Y} has begun since you looked, so the pack would cover "
            "other months. Nothing was ordered. This is the offer now."
        )
    if confirmed != quoted.to_be_confirmed:
        raise OfferChanged(
            "The offer changed since you looked. Nothing was ordered. This is the offer now."
        )


def _order(
    quoted: Quote,
    *,
    provider: Provider,
    confirmed: Confirmed,
    actor: Actor,
    now: datetime,
) -> PackOrder:
    earlier = PackOrder.objects.filter(follows=confirmed.follows).first()
    if earlier is not None:
        raise AlreadyOrdered(earlier)
    _require_unchanged(quoted, confirmed)
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
    audit.record(
        actor=actor,
        action="allowance.extended",
        subject=order.offer_name,
        after={
            "quantity": order.quantity,
            "starts_on": order.starts_on.isoformat(),
            "ends_on": order.ends_on.isoformat(),
            "invoice": invoice.number,
        },
        now=now,
    )
    return order
