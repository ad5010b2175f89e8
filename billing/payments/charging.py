"""Charging an invoice exactly once, even if a process is killed (docs/decisions/0005).

The attempt's row, with its key and fixed amount, commits before the call to Stripe. While it is
unfinished, no other attempt of the invoice starts. Stripe's answer, a webhook and a later look-up
all finish it through `settle`, under the invoice's lock.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, F, Value, When
from django.db.models.functions import Coalesce

from accounts.providers import current_provider
from billing import topics
from billing.charge_alerts import (
    report_above_largest,
    report_refused_charge,
    settle_charge_alerts,
)
from billing.charge_limits import fits_a_card, largest_charge
from billing.decline_reasons import AMOUNT_REFUSED, NEVER_ARRIVED, WITHDRAWN
from billing.dunning.status import after_payment, update_dunning
from billing.gateway import client as gateway
from billing.gateway.objects import PaymentFacts, PaymentOutcome
from billing.models import ChargeAttempt, Chargeback, Invoice, Payment, PaymentMethod
from billing.payments.retries import plan_retry
from billing.payments.transfers_under_way import transfer_under_way
from core.outbox.delivery import enqueue
from core.telemetry.counters import CHARGE_ATTEMPTS

CLOSE = "close"
# Stripe may forget an idempotency key after 24 hours: sending it later would charge again.
RESEND_WITHIN = timedelta(hours=23)
KEY_IS_FORGOTTEN = timedelta(hours=24)
# A look-up begins this long before the attempt, because Stripe's clock may differ from ours.
CLOCKS_DIFFER = timedelta(days=1)
# Our code of a refusal for which Stripe gave none.
REFUSED = "refused"

State = ChargeAttempt.State
_STATES = {
    PaymentOutcome.SUCCEEDED: State.SUCCEEDED,
    PaymentOutcome.PROCESSING: State.PROCESSING,
    PaymentOutcome.NEEDS_CONFIRMATION: State.NEEDS_CONFIRMATION,
    PaymentOutcome.FAILED: State.FAILED,
}


class PaymentMismatch(Exception):
    """Stripe's payment is not that of this attempt; nothing was recorded."""


def charge_invoice(
    *, invoice_id: int, now: datetime, cause: str = CLOSE, card_id: int | None = None
) -> ChargeAttempt | None:
    """Charge what is due to the default card, once for this `cause`.

    Returns the attempt, which may be unfinished (unknown, processing, to be confirmed). Returns
    None if nothing is due, if the amount is below the smallest charge or above the largest, if a
    chargeback of the invoice was lost, while a bank transfer is announced, if no card is on file,
    or if it is not `card_id`. A request
    that Stripe refused is not sent again: its attempt is returned. An unfinished attempt of another
    cause is continued first; one that waits for the holder of a replaced card is withdrawn. Raises
    `gateway.NotDone` and `gateway.Misconfigured`; the next run continues the attempt.
    """
    while True:
        attempt = _open_attempt(invoice_id=invoice_id, now=now, cause=cause, card_id=card_id)
        if attempt is None or attempt.finished_at:
            return attempt
        if _must_be_withdrawn(attempt, cause=cause):
            attempt = withdraw(attempt, now=now)
        else:
            attempt = pursue(attempt, now=now)
        if attempt.cause == cause or not attempt.finished_at:
            return attempt


@transaction.atomic(durable=True)
def _open_attempt(
    *, invoice_id: int, now: datetime, cause: str, card_id: int | None
) -> ChargeAttempt | None:
    """Return the attempt to continue: the unfinished one, else this cause's, else a new one."""
    invoice = Invoice.objects.select_for_update().get(pk=invoice_id)
    attempts = sorted(invoice.attempts.all(), key=lambda each: each.finished_at is not None)
    for known in attempts:
        if known.finished_at is None or known.cause == cause:
            return known
    card = PaymentMethod.objects.current()
    due_minor = invoice.amounts.due_minor
    if due_minor == 0 or card is None or card_id not in (None, card.pk):
        return None
    is_paid_before = any(each.state == State.SUCCEEDED for each in attempts)
    # A second charge would end in a second chargeback; beside a transfer it would pay twice. The
    # transfer's end charges what is due then.
    if (is_paid_before and _has_lost_chargeback(invoice)) or transfer_under_way(invoice):
        return None
    if due_minor > largest_charge(invoice.currency):
        report_above_largest(invoice, due_minor, now=now)
    if not fits_a_card(due_minor, invoice.currency):
        return None
    refused = refused_before(
        attempts, amount_minor=due_minor, payment_method_id=card.stripe_payment_method_id
    )
    if refused is not None:
        return refused
    return ChargeAttempt.objects.create(
        invoice=invoice,
        cause=cause,
        idempotency_key=f"charge-{uuid.uuid4().hex}",
        amount_minor=due_minor,
        currency=invoice.currency,
        stripe_customer_id=current_provider().stripe_customer_id or "",
        stripe_payment_method_id=card.stripe_payment_method_id,
        created_at=now,
    )


def refused_before(
    attempts: Iterable[ChargeAttempt], *, amount_minor: int, payment_method_id: str
) -> ChargeAttempt | None:
    """Return the attempt with this amount, card and customer that Stripe refused; None without."""
    request = (amount_minor, payment_method_id, current_provider().stripe_customer_id or "")
    for attempt in attempts:
        sent = (
            attempt.amount_minor,
            attempt.stripe_payment_method_id,
            attempt.stripe_customer_id,
        )
        if attempt.is_refused_request and sent == request:
            return attempt
    return None


def _has_lost_chargeback(invoice: Invoice) -> bool:
    lost = Chargeback.objects.filter(payment__invoice=invoice, state=Chargeback.State.LOST)
    return lost.exists()


def _must_be_withdrawn(attempt: ChargeAttempt, *, cause: str) -> bool:
    """Whether it waits for a confirmation that is no longer needed; left open, both can be paid."""
    return attempt.state == State.NEEDS_CONFIRMATION and (
        attempt.has_replaced_card() or (attempt.is_on_session and attempt.cause != cause)
    )


def withdraw(attempt: ChargeAttempt, *, now: datetime) -> ChargeAttempt:
    """Cancel an attempt that waits for the card holder; if it was just paid, it succeeds instead.

    Raises `gateway.GatewayError`; the attempt is unchanged then.
    """
    facts = gateway.cancel_payment(payment_intent_id=attempt.stripe_payment_intent_id)
    return settle(attempt_id=attempt.pk, facts=facts, now=now)


def pursue(attempt: ChargeAttempt, *, now: datetime) -> ChargeAttempt:
    """Continue an unfinished attempt as far as possible; raises as `charge_invoice`."""
    if attempt.stripe_payment_intent_id:
        # Stripe has it already: read it, never send it again.
        facts = gateway.payment(payment_intent_id=attempt.stripe_payment_intent_id)
        return settle(attempt_id=attempt.pk, facts=facts, now=now)
    if attempt.sent_at and now - attempt.sent_at >= RESEND_WITHIN:
        return _settle_or_expire(attempt, now=now)
    return _send(attempt, now=now)


def _send(attempt: ChargeAttempt, *, now: datetime) -> ChargeAttempt:
    was_sent_before = attempt.sent_at is not None
    gateway.require_answering()
    _mark_sent(attempt, now=now)
    try:
        facts = gateway.charge(
            gateway.ChargeRequest(
                attempt_key=attempt.idempotency_key,
                amount_minor=attempt.amount_minor,
                currency=attempt.currency,
                customer_id=attempt.stripe_customer_id,
                payment_method_id=attempt.stripe_payment_method_id,
                provider_id=str(current_provider().provider_id),
                invoice_number=attempt.invoice.number,
                invoice_month=attempt.invoice.month.isoformat(),
                invoice_kind=attempt.invoice.kind,
            )
        )
    except gateway.NoAnswer:
        # A look-up now would wait as long again; sending the same key later finds the payment.
        return attempt
    except gateway.OutcomeUnknown:
        return _look_up(attempt, now=now) or attempt
    except gateway.Refused as refusal:
        earlier = _look_up(attempt, now=now) if was_sent_before else None
        return earlier or _fail(
            attempt, code=refusal.code or REFUSED, message=str(refusal), now=now
        )
    return settle(attempt_id=attempt.pk, facts=facts, now=now)


def _mark_sent(attempt: ChargeAttempt, *, now: datetime) -> None:
    # Before the call: a process that is killed during it leaves "unknown", never "not sent yet".
    # Conditional, so that the state from an earlier webhook stays.
    attempt.sent_at = attempt.sent_at or now
    attempt.state = State.UNKNOWN if attempt.state == State.PENDING else attempt.state
    is_pending = When(state=State.PENDING, then=Value(State.UNKNOWN))
    with transaction.atomic(durable=True):
        ChargeAttempt.objects.filter(pk=attempt.pk).update(
            sent_at=Coalesce("sent_at", Value(now)), state=Case(is_pending, default=F("state"))
        )


def _payment_at_stripe(attempt: ChargeAttempt) -> PaymentFacts | None:
    held = gateway.payments_of(
        customer_id=attempt.stripe_customer_id, since=attempt.created_at - CLOCKS_DIFFER
    )
    return next((facts for facts in held if facts.attempt_key == attempt.idempotency_key), None)


def _look_up(attempt: ChargeAttempt, *, now: datetime) -> ChargeAttempt | None:
    """Settle with Stripe's payment of this attempt; None if there is none or Stripe can't say."""
    try:
        facts = _payment_at_stripe(attempt)
    except (gateway.OutcomeUnknown, gateway.NotDone):
        return None
    return settle(attempt_id=attempt.pk, facts=facts, now=now) if facts else None


def _settle_or_expire(attempt: ChargeAttempt, *, now: datetime) -> ChargeAttempt:
    """Settle with Stripe's payment; fail once Stripe can no longer receive the sent request."""
    facts = _payment_at_stripe(attempt)
    if facts:
        return settle(attempt_id=attempt.pk, facts=facts, now=now)
    if attempt.sent_at and now - attempt.sent_at >= KEY_IS_FORGOTTEN:
        return _fail(attempt, code=NEVER_ARRIVED, message="Stripe never received it.", now=now)
    return attempt


@transaction.atomic
def settle(*, attempt_id: int, facts: PaymentFacts, now: datetime) -> ChargeAttempt:
    """Record an attempt's outcome; answers, webhooks and look-ups all call this.

    Safe to repeat; a late report never undoes a success. Raises `PaymentMismatch` if provider,
    customer, amount, currency or attempt differ.
    """
    attempt = _locked(attempt_id)
    _check_it_is_ours(attempt, facts)
    state = _STATES[facts.outcome]
    if state == State.FAILED and attempt.secret_given_at and not facts.is_canceled:
        # The holder of the client secret can still confirm it: no other attempt may start.
        state = State.NEEDS_CONFIRMATION
    if attempt.state == State.SUCCEEDED or (attempt.finished_at and state != State.SUCCEEDED):
        return attempt
    attempt.stripe_payment_intent_id = facts.payment_intent_id
    code, message = facts.decline_code, facts.failure_message
    advice, network_advice = facts.advice_code, facts.network_advice_code
    if facts.is_canceled:
        code, message = WITHDRAWN, "Withdrawn before it was paid."
    attempt.decline_code = code[:60] if state != State.SUCCEEDED else ""
    attempt.failure_message = message[:500] if state != State.SUCCEEDED else ""
    attempt.advice_code = advice[:40] if state != State.SUCCEEDED else ""
    attempt.network_advice_code = network_advice[:10] if state != State.SUCCEEDED else ""
    if _finish(attempt, state, facts=facts, now=now):
        _announce(attempt, now=now)
    return attempt


@transaction.atomic
def _fail(attempt: ChargeAttempt, *, code: str, message: str, now: datetime) -> ChargeAttempt:
    current = _locked(attempt.pk)
    if current.finished_at is None:
        current.decline_code, current.failure_message = code[:60], message[:500]
        if _finish(current, State.FAILED, now=now):
            _announce(current, now=now)
    return current


def _locked(attempt_id: int) -> ChargeAttempt:
    # Lock the invoice first, in the same order as `_open_attempt`: no deadlock, no second charge.
    invoice = Invoice.objects.select_for_update(of=("self",)).get(attempts=attempt_id)
    attempt = ChargeAttempt.objects.get(pk=attempt_id)
    attempt.invoice = invoice
    return attempt


def _check_it_is_ours(attempt: ChargeAttempt, facts: PaymentFacts) -> None:
    expected = {
        "provider": (facts.provider_id, str(current_provider().provider_id)),
        "customer": (facts.customer_id, attempt.stripe_customer_id),
        "attempt": (facts.attempt_key, attempt.idempotency_key),
        "amount": (facts.amount_minor, attempt.amount_minor),
        "currency": (facts.currency, attempt.currency),
    }
    different = [name for name, (stripe, ours) in expected.items() if stripe != ours]
    if different:
        raise PaymentMismatch(
            f"{facts.payment_intent_id} is not attempt {attempt.pk}: another {', '.join(different)}"
        )


def _finish(
    attempt: ChargeAttempt,
    state: ChargeAttempt.State,
    *,
    now: datetime,
    facts: PaymentFacts | None = None,
) -> bool:
    """Record the attempt's new state and its consequences, under the invoice's lock.

    A failure plans the next attempt and updates the dunning; a success records the payment. A
    request that Stripe refused becomes an operations alert.
    Returns whether the state changed.
    """
    has_changed = attempt.state != state
    attempt.state = state
    attempt.finished_at = now if state in (State.SUCCEEDED, State.FAILED) else None
    attempt.retry_at = plan_retry(attempt, now=now) if state == State.FAILED else None
    attempt.save()
    if has_changed:
        CHARGE_ATTEMPTS.labels(state.value).inc()
    if state == State.SUCCEEDED:
        _record_payment(attempt, facts, now=now)
    elif has_changed and state == State.FAILED:
        update_dunning(now=now)
        if attempt.is_refused_request:
            report_refused_charge(attempt, now=now)
    return has_changed


def _announce(attempt: ChargeAttempt, *, now: datetime) -> None:
    """Mail the new state to the billing contacts: a receipt, or the failure."""
    if attempt.state == State.SUCCEEDED:
        topic = topics.RECEIPT_MAIL
    elif attempt.is_on_session or (
        attempt.decline_code == WITHDRAWN and attempt.has_replaced_card()
    ):
        return  # The payer sees the error on the page, or the new card will be charged.
    elif attempt.decline_code in AMOUNT_REFUSED:
        return  # No other card would help: operations are alerted.
    elif attempt.state in (State.FAILED, State.NEEDS_CONFIRMATION):
        topic = topics.CHARGE_FAILED_MAIL
    else:
        return
    # The state is in the key: an attempt that needs confirmation and then fails sends two mails.
    key = f"attempt:{attempt.pk}:{attempt.state}"
    enqueue(topic=topic, key=key, payload={"attempt_id": attempt.pk}, now=now)


def _record_payment(attempt: ChargeAttempt, facts: PaymentFacts | None, *, now: datetime) -> None:
    brand, last_four = _charged_card(facts)
    Payment.objects.create(
        invoice=attempt.invoice,
        attempt=attempt,
        method=Payment.Method.CARD,
        amount_minor=attempt.amount_minor,
        currency=attempt.currency,
        received_at=now,
        stripe_payment_intent_id=attempt.stripe_payment_intent_id,
        card_brand=brand,
        card_last_four=last_four,
    )
    settle_charge_alerts(attempt.invoice, now=now)
    after_payment(now=now)


def _charged_card(facts: PaymentFacts | None) -> tuple[str, str]:
    """Brand and last digits: of the charge, or of our card; empty if neither is known."""
    if facts is None:
        return "", ""
    if facts.card_last_four:
        return facts.card_brand, facts.card_last_four
    cards = PaymentMethod.objects.filter(stripe_payment_method_id=facts.payment_method_id)
    return cards.values_list("brand", "last_four").first() or ("", "")
