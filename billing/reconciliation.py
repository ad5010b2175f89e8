"""Once a day: what is unknown is asked about, and Stripe's payments are compared with ours.

A payment that names an attempt of ours is settled as any other word of Stripe's. What then still
differs becomes a row for operations and an error in the log, once, until both sides agree again.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.models import Provider
from billing import charging, gateway
from billing.models import BookDifference, ChargeAttempt, Payment
from billing.stripe_facts import PaymentFacts, PaymentOutcome
from mtp.schema import provider_schema

logger = logging.getLogger(__name__)

# A month and its retries; what an earlier run could not settle is in it again.
LOOK_BACK = timedelta(days=40)

Kind = BookDifference.Kind


@dataclass(frozen=True, slots=True)
class Difference:
    """One payment on which the books differ; amounts in minor units, None for nothing."""

    kind: BookDifference.Kind
    payment_intent_id: str
    invoice_number: str
    currency: str
    stripe_minor: int | None
    booked_minor: int | None


def reconcile(*, provider: Provider, now: datetime) -> list[Difference]:
    """Compare the provider's payments of the last 40 days; what differs now.

    Raises `gateway.GatewayError` where Stripe can't be asked; the rows stay as they were then.
    """
    with provider_schema(provider.schema_name):
        _ask_about_unfinished(now=now)
        if not provider.stripe_customer_id:
            return []
        since = now - LOOK_BACK
        # Stripe first: what is booked while it answers is not missed here.
        held = list(gateway.payments_since(customer_id=provider.stripe_customer_id, since=since))
        found = [difference for facts in held for difference in _compared(facts, now=now)]
        compared = {facts.payment_intent_id for facts in held}
        for payment in _booked_but_not_listed(compared, since=since):
            compared.add(str(payment.stripe_payment_intent_id))
            found += _looked_up(payment)
        _keep(found, compared=compared, provider=provider, now=now)
        return found


def _ask_about_unfinished(*, now: datetime) -> None:
    """Bring every unfinished attempt as far as it goes; one that cannot is left for tomorrow."""
    for attempt in ChargeAttempt.objects.filter(finished_at=None).select_related("invoice"):
        waits = attempt.state == ChargeAttempt.State.NEEDS_CONFIRMATION
        try:
            if waits and attempt.invoice.amounts.due_minor == 0:
                # Paid otherwise: its link must not be paid on top.
                charging.withdraw(attempt, now=now)
            else:
                charging.pursue(attempt, now=now)
        except (gateway.GatewayError, charging.PaymentMismatch) as error:
            logger.warning("%s could not be settled: %s", attempt, error)


def _compared(facts: PaymentFacts, *, now: datetime) -> Iterator[Difference]:
    """What differs on a payment that Stripe holds."""
    if facts.outcome is not PaymentOutcome.SUCCEEDED:
        return
    payment = _payment(facts) or _settled(facts, now=now)
    if payment is None:
        named = ChargeAttempt.objects.filter(idempotency_key=facts.attempt_key).first()
        number = named.invoice.number if named else ""
        yield _difference(Kind.NOT_BOOKED, facts, number=number, booked=None)
        return
    number = payment.invoice.number
    if (payment.amount_minor, payment.currency) != (facts.amount_minor, facts.currency):
        yield _difference(Kind.AMOUNT, facts, number=number, booked=payment.amount_minor)
    if facts.refunded_minor:
        yield Difference(
            Kind.REFUND,
            facts.payment_intent_id,
            number,
            facts.currency,
            stripe_minor=facts.refunded_minor,
            booked_minor=None,
        )


def _payment(facts: PaymentFacts) -> Payment | None:
    return (
        Payment.objects.select_related("invoice")
        .filter(stripe_payment_intent_id=facts.payment_intent_id)
        .first()
    )


def _settled(facts: PaymentFacts, *, now: datetime) -> Payment | None:
    """The payment, booked now, of an attempt of ours whose success nobody told us."""
    attempt = ChargeAttempt.objects.filter(idempotency_key=facts.attempt_key).first()
    if attempt is None or not facts.attempt_key:
        return None
    try:
        charging.settle(attempt_id=attempt.pk, facts=facts, now=now)
    except charging.PaymentMismatch:
        return None
    logger.warning("Payment %s was booked late, by the reconciliation", facts.payment_intent_id)
    return _payment(facts)


def _difference(
    kind: BookDifference.Kind, facts: PaymentFacts, *, number: str, booked: int | None
) -> Difference:
    return Difference(
        kind,
        facts.payment_intent_id,
        number,
        facts.currency,
        stripe_minor=facts.amount_minor,
        booked_minor=booked,
    )


def _booked_but_not_listed(listed: set[str], *, since: datetime) -> Iterator[Payment]:
    cards = Payment.objects.filter(method=Payment.Method.CARD, received_at__gte=since)
    yield from cards.exclude(stripe_payment_intent_id__in=listed).select_related("invoice")


def _looked_up(payment: Payment) -> Iterator[Difference]:
    """What differs on a payment of ours that was begun before the listed days, or never."""
    try:
        facts = gateway.payment(payment_intent_id=str(payment.stripe_payment_intent_id))
    except gateway.Refused:
        facts = None
    if facts is None or facts.outcome is not PaymentOutcome.SUCCEEDED:
        yield Difference(
            Kind.NOT_AT_STRIPE,
            str(payment.stripe_payment_intent_id),
            payment.invoice.number,
            payment.currency,
            stripe_minor=None,
            booked_minor=payment.amount_minor,
        )
    elif facts.amount_minor != payment.amount_minor:
        number = payment.invoice.number
        yield _difference(Kind.AMOUNT, facts, number=number, booked=payment.amount_minor)


def _keep(
    found: list[Difference], *, compared: set[str], provider: Provider, now: datetime
) -> None:
    """A row for each new difference; those that both sides agree on again are settled."""
    known = {
        (row.kind, row.stripe_payment_intent_id): row
        for row in BookDifference.objects.filter(settled_at=None)
    }
    differing = {(str(difference.kind), difference.payment_intent_id) for difference in found}
    for difference in found:
        if (str(difference.kind), difference.payment_intent_id) in known:
            continue
        logger.error("The books of %s and Stripe's differ: %s", provider, difference)
        BookDifference.objects.create(
            kind=difference.kind,
            stripe_payment_intent_id=difference.payment_intent_id,
            invoice_number=difference.invoice_number,
            currency=difference.currency,
            stripe_minor=difference.stripe_minor,
            booked_minor=difference.booked_minor,
            found_at=now,
        )
    agreed = [
        row.pk
        for key, row in known.items()
        if key not in differing and (key[1] in compared or _is_booked_no_more(row))
    ]
    BookDifference.objects.filter(pk__in=agreed).update(settled_at=now)


def _is_booked_no_more(row: BookDifference) -> bool:
    return (
        row.kind == Kind.NOT_AT_STRIPE
        and not Payment.objects.filter(
            stripe_payment_intent_id=row.stripe_payment_intent_id
        ).exists()
    )
