"""What differs, and the rows that tell it once."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from accounts.models import Provider
from billing.models import Payment, PaymentDifference

logger = logging.getLogger(__name__)

Kind = PaymentDifference.Kind


@dataclass(frozen=True, slots=True)
class Difference:
    """One payment on which the books differ; amounts in minor units, None for nothing."""

    kind: PaymentDifference.Kind
    payment_intent_id: str
    invoice_number: str
    currency: str
    stripe_minor: int | None
    recorded_minor: int | None


def of_payment(
    kind: PaymentDifference.Kind, payment: Payment, *, stripe: int | None, booked: int | None
) -> Difference:
    """A difference on a payment of ours."""
    return Difference(
        kind,
        str(payment.stripe_payment_intent_id),
        payment.invoice.number,
        payment.currency,
        stripe_minor=stripe,
        recorded_minor=booked,
    )


def keep(
    found: Sequence[Difference], *, compared: set[str], provider: Provider, now: datetime
) -> None:
    """A row for each new difference; those that both sides agree on again are settled."""
    known = {
        (row.kind, row.stripe_payment_intent_id): row
        for row in PaymentDifference.objects.filter(settled_at=None)
    }
    differing = {(str(difference.kind), difference.payment_intent_id) for difference in found}
    for difference in found:
        if (str(difference.kind), difference.payment_intent_id) in known:
            continue
        logger.error("The books of %s and Stripe's differ: %s", provider, difference)
        PaymentDifference.objects.create(
            kind=difference.kind,
            stripe_payment_intent_id=difference.payment_intent_id,
            invoice_number=difference.invoice_number,
            currency=difference.currency,
            stripe_minor=difference.stripe_minor,
            recorded_minor=difference.recorded_minor,
            found_at=now,
        )
    agreed = [
        row.pk
        for key, row in known.items()
        if key not in differing and (key[1] in compared or _is_booked_no_more(row))
    ]
    PaymentDifference.objects.filter(pk__in=agreed).update(settled_at=now)


def _is_booked_no_more(row: PaymentDifference) -> bool:
    return (
        row.kind == Kind.NOT_AT_STRIPE
        and not Payment.objects.filter(
            stripe_payment_intent_id=row.stripe_payment_intent_id
        ).exists()
    )
