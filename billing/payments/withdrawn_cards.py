"""Cards and customers that changed at Stripe without us: renewed, taken off, deleted.

A bank renews a card, a person takes it off in Stripe's dashboard or deletes the customer. The
portal reads what Stripe has now and records that. Events and the daily reconciliation call this.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from django.db import connection, transaction
from django.urls import reverse

from accounts.models import FormerStripeCustomer, Provider
from billing.customer.contact_mail import mail_contacts
from billing.gateway import client as gateway
from billing.gateway.objects import CardFacts
from billing.models import PaymentMethod
from billing.money import format_amounts
from billing.payments.card_invoices import card_invoices
from core.actors import Actor, ActorKind
from core.operations.alerts import Cause, raise_alert, raise_all
from core.operations.kinds import alert_kind
from tenants import audit
from tenants.alerts.schedule import check_soon
from usage.ledger.month_freeze import LOCK_LEDGER

AT_STRIPE = Actor(id=None, name="Stripe", kind=ActorKind.SYSTEM)
# A promise: the alert ends when a card is on file, or nothing is due that it would pay.
CARD_WITHDRAWN = "billing.card_withdrawn"
CUSTOMER_DELETED = alert_kind(
    "billing.customer_deleted", title="A customer was deleted at Stripe", settled_by_hand=True
)


def follow_card(*, provider: Provider, payment_method_id: str, now: datetime) -> None:
    """Record a card of ours as it is at Stripe: its brand, digits and expiry, or that it is gone.

    Safe to repeat and in any order; a card that is not ours is left alone. Raises
    `gateway.GatewayError`.
    """
    ours = PaymentMethod.objects.filter(stripe_payment_method_id=payment_method_id)
    if not ours.exists():
        return
    facts = gateway.card(payment_method_id=payment_method_id)
    _update(facts, now=now)
    if not facts.customer_id:
        _record_detached(provider, payment_method_id=payment_method_id, now=now)


@transaction.atomic
def _update(facts: CardFacts, *, now: datetime) -> None:
    card = PaymentMethod.objects.select_for_update().get(
        stripe_payment_method_id=facts.payment_method_id
    )
    before, known = _shown(card), (card.expiry_month, card.expiry_year)
    card.brand, card.last_four = facts.brand, facts.last_four
    card.expiry_month, card.expiry_year = facts.expiry_month, facts.expiry_year
    if _shown(card) == before:
        return
    if known != (facts.expiry_month, facts.expiry_year):
        # The reminder of the new day is another one.
        card.expiry_mailed_at = None
    card.save()
    audit.record(
        actor=AT_STRIPE,
        action="card.updated",
        subject=str(card),
        before=before,
        after=_shown(card),
        now=now,
    )
    check_soon()


def _shown(card: PaymentMethod) -> dict[str, str]:
    return {"card": str(card), "expires": f"{card.expiry_month:02d}/{card.expiry_year}"}


@transaction.atomic
def _record_detached(provider: Provider, *, payment_method_id: str, now: datetime) -> None:
    _lock()
    card = PaymentMethod.objects.get(stripe_payment_method_id=payment_method_id)
    if card.replaced_at is None:
        _withdraw(card, provider=provider, now=now)
    elif card.detached_at is None:
        card.detached_at = now
        card.save(update_fields=["detached_at"])


def _lock() -> None:
    # The lock of the month close and of new cards: a close sees one card from start to end.
    with connection.cursor() as cursor:
        cursor.execute(LOCK_LEDGER)


def _withdraw(card: PaymentMethod, *, provider: Provider, now: datetime) -> None:
    """Take the card on file out of use; mail the contacts, and alert operations if a charge is due.

    The running transaction holds the ledger.
    """
    card.replaced_at = card.detached_at = now
    card.save(update_fields=["replaced_at", "detached_at"])
    audit.record(
        actor=AT_STRIPE,
        action="card.withdrawn",
        subject=str(card),
        before=_shown(card),
        now=now,
    )
    mail_contacts(
        "card_withdrawn",
        key=f"card-withdrawn:{card.pk}",
        subject=f"Your {card} can no longer be charged",
        provider=provider,
        context={"card": str(card), "due": _due_text(now=now)},
        now=now,
    )
    raise_all(kind=CARD_WITHDRAWN, causes=list(charges_without_card(now=now)), now=now)
    check_soon()


def _due_text(*, now: datetime) -> str:
    due: Counter[str] = Counter()
    for invoice in card_invoices(now=now).charged:
        due[invoice.currency] += invoice.amounts.due_minor
    return format_amounts(due) if due else ""


def charges_without_card(*, now: datetime) -> Iterator[Cause]:
    """The withdrawn card of the current provider, if a card would pay something now."""
    card = PaymentMethod.objects.withdrawn()
    due = _due_text(now=now) if card else ""
    if card is None or card.replaced_at is None or not due:
        return
    since = f"{card.replaced_at:%-d %B %Y, %H:%M} UTC"
    yield Cause(
        key=f"card:{card.pk}",
        summary=f"{card} was taken off at Stripe on {since}. {due} is due, and no card is on file.",
        next_step="The billing contacts were mailed, and the next card pays it at once. Ask the "
        "provider for a card or a transfer, and find out in Stripe's log who took the card off.",
        link=reverse("admin:billing_paymentmethod_changelist"),
    )


def follow_customer(*, provider: Provider, customer_id: str, now: datetime) -> None:
    """Forget a customer that is deleted at Stripe. Raises `gateway.GatewayError`."""
    if gateway.is_customer_deleted(customer_id=customer_id):
        forget_customer(provider=provider, customer_id=customer_id, now=now)


@transaction.atomic
def forget_customer(*, provider: Provider, customer_id: str, now: datetime) -> None:
    """Forget a deleted customer, and withdraw its card; the next card makes another customer.

    Safe to repeat: a provider that has another customer by now keeps it and its card.
    """
    _lock()
    FormerStripeCustomer.objects.get_or_create(
        stripe_customer_id=customer_id, defaults={"provider": provider, "forgotten_at": now}
    )
    is_current = Provider.objects.filter(pk=provider.pk, stripe_customer_id=customer_id)
    if is_current.update(stripe_customer_id=None):
        _report_deleted(provider, customer_id=customer_id, now=now)
        card = PaymentMethod.objects.current()
        if card is not None:
            _withdraw(card, provider=provider, now=now)
    provider.refresh_from_db(fields=["stripe_customer_id"])


def _report_deleted(provider: Provider, *, customer_id: str, now: datetime) -> None:
    audit.record(
        actor=AT_STRIPE,
        action="customer.deleted",
        subject=provider.name,
        before={"customer": customer_id},
        now=now,
    )
    raise_alert(
        kind=CUSTOMER_DELETED,
        key=customer_id,
        summary=f"The customer of {provider.name}, {customer_id}, was deleted at Stripe. Its card "
        "is out of use, and nothing is charged.",
        next_step="Find out in Stripe's log who deleted it. The provider's next card or card "
        "payment makes another customer, which settles this. Payments of the old one stay, and "
        "can be refunded.",
        link=reverse("admin:accounts_provider_change", args=[provider.pk]),
        now=now,
    )
