"""Automatic invoices that are due and that nothing charges."""

from dataclasses import dataclass
from datetime import datetime

from billing import topics
from billing.charge_limits import fits_a_card
from billing.decline_reasons import (
    AMOUNT_REFUSED,
    NEVER_AGAIN,
    NEVER_ARRIVED,
    NEVER_BY_ADVICE,
    NEVER_BY_NETWORK,
)
from core.schema import connection, require_provider_schema

# Not tried, and nothing that will: no message that is unfinished (a dead one is an alert already),
# no attempt that runs, no retry to come. Reasons not to try: no card, a final decline, a lost
# chargeback, an announced bank transfer, an amount that no card can pay, a new card that was
# refused for good before it got to this invoice.
_UNCHARGED = """
    WITH card AS MATERIALIZED (
        SELECT id, stripe_payment_method_id, invoices_to_charge,
            EXISTS (SELECT FROM billing_chargeattempt refused
                    WHERE refused.stripe_payment_method_id = method.stripe_payment_method_id
                        AND refused.cause = 'card:' || method.id
                        -- As `new_card_charges` ends the sequence of a card.
                        AND refused.state = 'failed'
                        AND NOT refused.decline_code = ANY(%(amount_refused)s)
                        AND (refused.decline_code = ANY(%(never_again)s)
                            OR refused.advice_code = ANY(%(never_by_advice)s)
                            OR refused.network_advice_code = ANY(%(never_by_network)s)
                            OR (refused.stripe_payment_intent_id = ''
                                AND refused.decline_code <> %(never_arrived)s))) AS is_refused
        FROM billing_paymentmethod method WHERE replaced_at IS NULL
    ),
    waiting AS MATERIALIZED (
        SELECT topic, payload FROM outbox_outboxmessage
        WHERE schema_name = %(schema)s AND topic IN (%(charge)s, %(new_card)s)
            AND finished_at IS NULL
    )
    SELECT invoice.id, invoice.number, invoice.currency, due.minor, last.state, last.retry_at
    FROM billing_invoice invoice
    CROSS JOIN card
    CROSS JOIN LATERAL (
        SELECT invoice.total_minor + invoice.carried_in_minor
            - (SELECT coalesce(sum(amount_minor), 0)
               FROM billing_carriedbalance carried
               JOIN billing_invoice later ON later.id = carried.to_invoice_id
               WHERE carried.from_invoice_id = invoice.id AND later.voided_at IS NULL)
            - (SELECT coalesce(sum(total_minor), 0)
               FROM billing_creditnote WHERE invoice_id = invoice.id)
            - (SELECT coalesce(sum(amount_minor), 0)
               FROM billing_linedispute WHERE invoice_id = invoice.id AND state = 'open')
            - (SELECT coalesce(sum(payment.amount_minor
                  - (SELECT coalesce(sum(amount_minor), 0) FROM billing_refund
                     WHERE payment_id = payment.id AND state <> 'failed')), 0)
               FROM billing_payment payment WHERE payment.invoice_id = invoice.id) AS minor
    ) due
    LEFT JOIN LATERAL (
        SELECT state, retry_at, stripe_payment_method_id
        FROM billing_chargeattempt WHERE invoice_id = invoice.id AND cause NOT LIKE 'link:%%'
        ORDER BY id DESC LIMIT 1
    ) last ON true
    WHERE invoice.collection = 'automatic' AND invoice.issued_at <= %(before)s
        AND (%(invoice)s::bigint IS NULL OR invoice.id = %(invoice)s)
        AND invoice.voided_at IS NULL AND invoice.written_off_at IS NULL
        AND due.minor > 0
        AND NOT EXISTS (SELECT FROM billing_chargeattempt
                        WHERE invoice_id = invoice.id AND finished_at IS NULL)
        AND NOT EXISTS (SELECT FROM billing_chargeback chargeback
                        JOIN billing_payment payment ON payment.id = chargeback.payment_id
                        WHERE payment.invoice_id = invoice.id AND chargeback.state = 'lost')
        AND NOT EXISTS (SELECT FROM billing_announcedtransfer
                        WHERE invoice_id = invoice.id AND state = 'under_way')
        AND NOT EXISTS (SELECT FROM waiting
                        WHERE (topic = %(charge)s AND payload @> jsonb_build_object(
                                  'invoice_id', invoice.id))
                            OR (topic = %(new_card)s
                                AND payload @> jsonb_build_object('card_id', card.id)
                                AND card.invoices_to_charge @> to_jsonb(invoice.id)))
        AND CASE
            WHEN last.state = 'failed' AND last.retry_at IS NOT NULL
                AND last.stripe_payment_method_id = card.stripe_payment_method_id
            THEN last.retry_at <= %(before)s
            WHEN last.state = 'failed'
            THEN last.stripe_payment_method_id <> card.stripe_payment_method_id
                AND card.invoices_to_charge @> to_jsonb(invoice.id) AND NOT card.is_refused
            ELSE NOT (card.is_refused AND card.invoices_to_charge @> to_jsonb(invoice.id))
        END
    ORDER BY invoice.id
"""


@dataclass(frozen=True, slots=True)
class Uncharged:
    """An invoice on which `due_minor` is due and not charged.

    `retry_at` is the instant of a retry that did not take place.
    """

    invoice_id: int
    number: str
    currency: str
    due_minor: int
    was_tried: bool
    retry_at: datetime | None


def uncharged(*, before: datetime, invoice_id: int | None = None) -> list[Uncharged]:
    """The current provider's uncharged invoices, or this one: issued, or to be retried, `before`.

    One statement.
    """
    parameters = {
        "schema": require_provider_schema(),
        "charge": topics.CHARGE,
        "new_card": topics.NEW_CARD_CHARGES,
        "never_again": sorted(NEVER_AGAIN),
        "amount_refused": sorted(AMOUNT_REFUSED),
        "never_by_advice": sorted(NEVER_BY_ADVICE),
        "never_by_network": sorted(NEVER_BY_NETWORK),
        "never_arrived": NEVER_ARRIVED,
        "before": before,
        "invoice": invoice_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(_UNCHARGED, parameters)
        return [
            Uncharged(pk, number, currency, int(minor), state is not None, retry_at)
            for pk, number, currency, minor, state, retry_at in cursor.fetchall()
            if fits_a_card(int(minor), currency)
        ]
