"""The card on file: entered in the browser, accepted only after Stripe confirms it."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from accounts.models import Provider
from billing import topics
from billing.contracts.contracts import begin_billing, bill_later_contracts
from billing.contracts.offers import (
    AgreementChanged,
    NothingOffered,
    Offer,
    accept_offer,
    acceptance_of,
    current_offer,
)
from billing.gateway import client as gateway
from billing.gateway.objects import CardFacts, SetupFacts
from billing.models import ChargeAttempt, Invoice, PaymentMethod
from billing.payments.agreement_mail import queue_agreement_mail
from billing.payments.card_invoices import invoices_to_charge
from billing.payments.new_card_charges import start_new_card_charges
from billing.payments.withdrawn_cards import CUSTOMER_DELETED, forget_customer
from core.actors import SYSTEM_ACTOR, Actor
from core.operations.alerts import raise_alert, settle_alert
from core.operations.kinds import alert_kind
from core.outbox.delivery import enqueue
from tenants import audit
from tenants.alerts.schedule import check_soon
from usage.ledger.month_freeze import LOCK_LEDGER

CONTACT_REFUSED = alert_kind(
    "billing.contact_refused", title="Stripe refused a contact e-mail", settled_by_hand=True
)


class CardNotAccepted(Exception):
    """The card did not become the default; nothing was changed. The message is shown."""


def customer_of(provider: Provider) -> str:
    """Return the provider's customer id at Stripe; create it on the first call, or once deleted.

    Two concurrent calls send the same idempotency key and get the same customer. Raises
    `gateway.GatewayError`.
    """
    if not provider.stripe_customer_id:
        former = provider.former_customers.order_by("pk").last()
        deleted = former.stripe_customer_id if former else ""
        created = gateway.create_customer(provider_id=str(provider.provider_id), instead_of=deleted)
        Provider.objects.filter(pk=provider.pk, stripe_customer_id=None).update(
            stripe_customer_id=created
        )
        provider.refresh_from_db(fields=["stripe_customer_id"])
        if deleted:
            settle_alert(kind=CUSTOMER_DELETED, key=deleted, now=timezone.now())
    return str(provider.stripe_customer_id)


def begin_card_setup(*, provider: Provider, actor: Actor, invoice_ids: Sequence[int] = ()) -> str:
    """Return the client secret with which the browser sends a card to Stripe.

    `invoice_ids` are the offered invoices that the person ticked for this card. A customer that was
    deleted at Stripe is created again. Raises `gateway.GatewayError`.
    """
    customer_id = customer_of(provider)
    try:
        return _create_setup_intent(provider, customer_id, actor=actor, invoice_ids=invoice_ids)
    except gateway.Refused as refusal:
        if refusal.code != gateway.MISSING:
            raise
    forget_customer(provider=provider, customer_id=customer_id, now=timezone.now())
    customer_id = customer_of(provider)
    return _create_setup_intent(provider, customer_id, actor=actor, invoice_ids=invoice_ids)


def _create_setup_intent(
    provider: Provider, customer_id: str, *, actor: Actor, invoice_ids: Sequence[int]
) -> str:
    return gateway.create_setup_intent(
        customer_id=customer_id,
        provider_id=str(provider.provider_id),
        actor_id=actor.id,
        actor_name=actor.name,
        invoice_ids=invoice_ids,
    )


def begin_paying_card_setup(
    *,
    provider: Provider,
    offer: Offer,
    actor: Actor,
    now: datetime,
    invoice_ids: Sequence[int] = (),
) -> str:
    """As `begin_card_setup`, for a card that begins to pay: the person accepts `offer` with it."""
    secret = begin_card_setup(provider=provider, actor=actor, invoice_ids=invoice_ids)
    with transaction.atomic():
        accept_offer(
            offer=offer,
            setup_intent_id=secret.partition("_secret_")[0],
            actor=actor,
            now=now,
        )
    return secret


def adopt_card(*, provider: Provider, setup_intent_id: str, now: datetime) -> PaymentMethod:
    """Make the card of a SetupIntent the default, in the provider's schema.

    Reads the intent from Stripe: it must have succeeded, for this provider's customer, with a card
    attached to it. If no contract bills this month, the person must have accepted the present
    agreement with this intent; usage is billed from `now` on, and the agreement is mailed. In the
    same transaction the charges of its invoices are queued. A repeated call returns the
    card as it is now: an old intent never makes a replaced card the default again. Raises
    `CardNotAccepted` and `gateway.GatewayError`.
    """
    known = PaymentMethod.objects.filter(stripe_setup_intent_id=setup_intent_id).first()
    if known:
        return known
    try:
        facts = gateway.setup_intent(setup_intent_id=setup_intent_id)
    except gateway.Refused as refusal:
        raise CardNotAccepted("Stripe knows nothing of this card. Enter it again.") from refusal
    card = _accepted_card(facts, provider=provider)
    actor = Actor(id=facts.actor_id, name=facts.actor_name) if facts.actor_id else SYSTEM_ACTOR
    return _make_default(card, facts, provider=provider, actor=actor, now=now)


def _accepted_card(facts: SetupFacts, *, provider: Provider) -> CardFacts:
    ours = (str(provider.provider_id), provider.stripe_customer_id)
    if (facts.provider_id, facts.customer_id) != ours:
        # The same message as for an unknown intent: another provider's data does not exist here.
        raise CardNotAccepted("Stripe knows nothing of this card. Enter it again.")
    if not facts.has_succeeded or facts.card is None:
        raise CardNotAccepted("Your bank has not confirmed this card. Enter it again.")
    if facts.card.customer_id != provider.stripe_customer_id:
        raise CardNotAccepted("This card was taken off your account meanwhile. Enter it again.")
    return facts.card


@transaction.atomic
def _make_default(
    card: CardFacts, facts: SetupFacts, *, provider: Provider, actor: Actor, now: datetime
) -> PaymentMethod:
    setup_intent_id = facts.setup_intent_id
    # The lock of the month close: one card at a time, and no card during a close.
    with connection.cursor() as cursor:
        cursor.execute(LOCK_LEDGER)
    known = PaymentMethod.objects.filter(stripe_setup_intent_id=setup_intent_id).first()
    if known:
        return known
    if PaymentMethod.objects.filter(stripe_payment_method_id=card.payment_method_id).exists():
        raise CardNotAccepted("This card was put on file before. Enter it again to use it.")
    before = PaymentMethod.objects.current()
    PaymentMethod.objects.filter(replaced_at=None).update(replaced_at=now)
    method = PaymentMethod.objects.create(
        stripe_payment_method_id=card.payment_method_id,
        stripe_setup_intent_id=setup_intent_id,
        brand=card.brand,
        last_four=card.last_four,
        expiry_month=card.expiry_month,
        expiry_year=card.expiry_year,
        added_by_id=actor.id,
        added_by_name=actor.name[:200],
        became_default_at=now,
        invoices_to_charge=invoices_to_charge(chosen=facts.invoice_ids, now=now),
    )
    _begin_billing(provider, setup_intent_id=setup_intent_id, actor=actor, now=now)
    audit.record(
        actor=actor,
        action="card.replaced" if before else "card.added",
        subject=str(method),
        before={"card": str(before)} if before else None,
        after={"card": str(method), **_paid_by(method)},
        now=now,
    )
    check_soon()
    enqueue(
        topic=topics.CARD_SETTLED,
        key=f"card:{method.pk}",
        payload={"payment_method_id": method.pk},
        now=now,
    )
    start_new_card_charges(method, now=now)
    return method


def _begin_billing(
    provider: Provider, *, setup_intent_id: str, actor: Actor, now: datetime
) -> None:
    """Bill usage from now on as agreed, unless a contract bills this month already."""
    try:
        offer = current_offer(provider=provider, now=now)
        if offer is not None:
            acceptance = acceptance_of(offer=offer, setup_intent_id=setup_intent_id)
    except (NothingOffered, AgreementChanged) as error:
        raise CardNotAccepted(str(error)) from error
    if offer is not None:
        begin_billing(provider=provider, offer=offer, acceptance=acceptance, actor=actor, now=now)
    bill_later_contracts(provider=provider, actor=actor, now=now)
    if offer is not None:
        queue_agreement_mail(acceptance=acceptance, offer=offer, provider=provider, now=now)


def _paid_by(card: PaymentMethod) -> dict[str, str]:
    invoices = Invoice.objects.filter(pk__in=card.invoices_to_charge).oldest_first()
    numbers = ", ".join(invoices.values_list("number", flat=True))
    return {"pays": numbers} if numbers else {}


def settle_cards_at_stripe(*, provider: Provider, now: datetime) -> bool:
    """Make the current card Stripe's default, then detach the replaced cards there.

    A card that an unfinished attempt may still charge stays attached. Returns False if such a card
    is left. A contact e-mail that Stripe refuses is an operations alert and stops nothing. Safe to
    repeat; raises `gateway.GatewayError`.
    """
    card = PaymentMethod.objects.current()
    if card is not None:
        gateway.set_default_card(
            customer_id=customer_of(provider), payment_method_id=card.stripe_payment_method_id
        )
        _send_contact(provider, now=now)
    replaced = PaymentMethod.objects.exclude(replaced_at=None).filter(detached_at=None)
    in_use = ChargeAttempt.objects.filter(finished_at=None).values("stripe_payment_method_id")
    for method in replaced.exclude(stripe_payment_method_id__in=in_use):
        gateway.detach_card(payment_method_id=method.stripe_payment_method_id)
        PaymentMethod.objects.filter(pk=method.pk).update(detached_at=now)
    return not replaced.exists()


def _send_contact(provider: Provider, *, now: datetime) -> None:
    try:
        gateway.set_contact(
            customer_id=customer_of(provider), name=provider.name, email=provider.contact_email
        )
    except gateway.Refused as refusal:
        raise_alert(
            kind=CONTACT_REFUSED,
            key="contact",
            summary=f"Stripe refused the contact of {provider.name}, {provider.contact_email}: "
            f"{refusal.code or 'no code'}. The card is in use all the same.",
            next_step="Ask the provider for its address and correct it under Providers. Enter it "
            "in Stripe's dashboard too; the portal sends it again with the next card.",
            link=reverse("admin:accounts_provider_change", args=[provider.pk]),
            now=now,
        )
    else:
        settle_alert(kind=CONTACT_REFUSED, key="contact", now=now)
