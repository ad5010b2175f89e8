"""Promises about money: charges, refunds, Stripe's events, and agreement with Stripe's records."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.urls import reverse

from billing import topics
from billing.corrections.failed_refunds import REFUND_FAILED, failures_to_repeat
from billing.models import PaymentDifference
from billing.money import format_money
from billing.payments.uncharged import Uncharged, uncharged
from billing.payments.withdrawn_cards import CARD_WITHDRAWN, charges_without_card
from billing.promises.wording import DELIVER_AGAIN
from core.operations.alerts import Cause
from core.operations.promises import promise
from core.schema import connection, current_schema

# Until then a worker may be busy with it.
SOON = timedelta(hours=1)
PAID_OUT_WITHIN = timedelta(days=3)
Kind = PaymentDifference.Kind

_REFUNDS = """
    SELECT refund.id, invoice.number, refund.amount_minor, refund.currency, payment.method
    FROM billing_refund refund
    JOIN billing_payment payment ON payment.id = refund.payment_id
    JOIN billing_invoice invoice ON invoice.id = payment.invoice_id
    WHERE refund.state = 'pending' AND CASE
        WHEN payment.method = 'card' THEN refund.ordered_at < %(before)s
            AND NOT EXISTS (SELECT FROM outbox_outboxmessage
                            WHERE schema_name = %(schema)s AND topic = %(refund)s
                                AND finished_at IS NULL
                                AND payload @> jsonb_build_object('refund_id', refund.id))
        ELSE refund.ordered_at < %(paid_out)s
    END
    ORDER BY refund.id
"""
_EVENTS = """
    SELECT event.event_id, event.type FROM billing_webhookevent event
    WHERE event.applied_at IS NULL AND event.received_at < %(before)s
        AND NOT EXISTS (SELECT FROM outbox_outboxmessage
                        WHERE schema_name = %(schema)s AND topic = %(event)s
                            AND finished_at IS NULL
                            AND payload @> jsonb_build_object('event_id', event.event_id))
    ORDER BY event.id
"""


@promise("billing.uncharged", broken="An automatic invoice is not charged")
def automatic_invoices_are_charged(*, now: datetime) -> Iterator[Cause]:
    """Each automatic invoice that is due has an attempt, a message, or a reason not to try."""
    for each in uncharged(before=now - SOON):
        yield Cause(
            key=each.number,
            summary=f"{format_money(each.due_minor, each.currency)} of {each.number} is due. "
            + _why(each),
            next_step=f"{DELIVER_AGAIN} It is charged once.",
            link=reverse("admin:billing_invoice_changelist") + f"?q={each.number}",
        )


def _why(each: Uncharged) -> str:
    if each.retry_at is not None:
        return f"The retry of {each.retry_at:%-d %B, %H:%M} UTC did not take place."
    if each.was_tried:
        return "Nothing charges what became due after the last attempt."
    return "No attempt was made and none will be."


@promise(CARD_WITHDRAWN, broken="A charge is due and the card was taken off at Stripe")
def due_charges_have_a_card(*, now: datetime) -> Iterator[Cause]:
    """Nothing that a card pays is due while the last card is withdrawn."""
    return charges_without_card(now=now)


@promise("billing.refund", broken="A refund is not on its way")
def refunds_are_sent(*, now: datetime) -> Iterator[Cause]:
    """Each ordered refund is at Stripe, has a message, or was paid out by hand in time."""
    parameters = {
        "schema": current_schema(),
        "refund": topics.REFUND,
        "before": now - SOON,
        "paid_out": now - PAID_OUT_WITHIN,
    }
    with connection.cursor() as cursor:
        cursor.execute(_REFUNDS, parameters)
        for pk, number, minor, currency, method in cursor.fetchall():
            is_card = method == "card"
            yield Cause(
                key=str(pk),
                summary=f"{format_money(minor, currency)} of {number} "
                + ("was not sent to Stripe." if is_card else "waits to be paid out by hand."),
                next_step=f"{DELIVER_AGAIN} It is sent once."
                if is_card
                else "Pay it from the bank account, then book the payout with its reference.",
                link=reverse("admin:billing_refund_changelist") + f"?q={number}",
            )


@promise(REFUND_FAILED, broken="A refund has failed")
def failed_refunds_are_made_again(*, now: datetime) -> Iterator[Cause]:  # noqa: ARG001 - a check's signature
    """No invoice is overpaid because a refund failed."""
    return failures_to_repeat()


@promise("billing.event", broken="An event of Stripe was not applied")
def events_are_applied(*, now: datetime) -> Iterator[Cause]:
    """Each stored event of Stripe was applied or has a message."""
    parameters = {
        "schema": current_schema(),
        "event": topics.STRIPE_EVENT,
        "before": now - SOON,
    }
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS, parameters)
        for event_id, event_type in cursor.fetchall():
            yield Cause(
                key=event_id,
                summary=f"{event_type} {event_id} was stored and not applied.",
                next_step="Send the event again from Stripe's dashboard. The daily comparison "
                "with Stripe records its payment, refund or dispute too.",
            )


@promise("billing.difference", broken="Stripe's records and ours differ")
def records_agree(*, now: datetime) -> Iterator[Cause]:  # noqa: ARG001 - a check's signature
    """No difference that the daily reconciliation found is open."""
    for row in PaymentDifference.objects.filter(settled_at=None).order_by("pk"):
        sides = [
            f"{where} {'nothing' if minor is None else format_money(minor, row.currency)}"
            for where, minor in (("at Stripe", row.stripe_minor), ("here", row.recorded_minor))
        ]
        yield Cause(
            key=f"{row.kind}:{row.stripe_payment_intent_id}",
            summary=f"{row}: {', '.join(sides)}.",
            next_step=_how_to_agree(row),
            link=reverse("admin:billing_paymentdifference_change", args=[row.pk]),
        )


def _how_to_agree(row: PaymentDifference) -> str:
    intent = row.stripe_payment_intent_id
    steps = {
        Kind.NOT_BOOKED: "Record it as a transfer of the invoice that it pays, with "
        f"{intent} as the reference, or refund it in Stripe's dashboard.",
        Kind.REFUND: f"Compare the refunds of {intent} in Stripe's dashboard with the invoice's, "
        "and refund in the portal what is missing at Stripe.",
        Kind.CHARGEBACK: f"Compare the disputes of {intent} in Stripe's dashboard with the "
        "invoice's chargebacks. Send the events of the missing one again from there.",
    }
    # The others should never occur: our requests and bookings have one amount.
    otherwise = f"Compare {intent} with Stripe's log, and report it to the developers before "
    otherwise += "anything is repaired."
    return f"{steps.get(Kind(row.kind), otherwise)} The nightly comparison settles this."
