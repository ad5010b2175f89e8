"""The handlers of billing's outbox messages; each is safe to run twice for one message."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

from accounts.providers import current_provider
from billing import topics
from billing.corrections import mails, refunds
from billing.corrections.late_credits import credit_late_usage
from billing.documents import store
from billing.documents.contract import render_contract_document
from billing.documents.credit_note import render_credit_note
from billing.documents.invoice_mails import send_document_mail
from billing.documents.receipt import render_receipt
from billing.documents.statement import StatementDays, render_statement
from billing.gateway import client as gateway
from billing.leaving import departures, export
from billing.models import (
    ChargeAttempt,
    Chargeback,
    ChargeOrder,
    Contract,
    CreditNote,
    Invoice,
    Payment,
    PaymentMethod,
    Refund,
)
from billing.payments import announced_transfers, cards, charge_lists, charging
from billing.payments import mails as payment_mails
from billing.payments.charge_orders import charges_of_order
from billing.payments.new_card_charges import charges_of_card
from billing.payments.unassigned import assign_payments
from billing.webhooks import handlers
from billing.webhooks.inbox import Event
from core.months import Month
from core.outbox.lanes import Lane
from core.outbox.topics import Postpone, handler
from tenants.alerts.schedule import check_soon

SHORTEST_WAIT = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)
# An unknown outcome is certain after a day (`charging.KEY_IS_FORGOTTEN`).
LONGEST_FOR_STRIPE = timedelta(hours=6)
LONGEST_FOR_RENDERING = timedelta(minutes=15)
# A card is detached once no charge of it runs.
LONGEST_FOR_CARDS = timedelta(days=3)


@handler(topics.CHARGE, lane=Lane.CHARGES, longest_wait=LONGEST_FOR_STRIPE)
def charge(payload: Mapping[str, Any], now: datetime) -> None:
    """Charge an invoice; postpone while the outcome is unknown."""
    with _postponed_without_answer(now=now):
        assign_payments(invoice_id=payload["invoice_id"], now=now)
        attempt = charging.charge_invoice(
            invoice_id=payload["invoice_id"],
            cause=payload.get("cause", charging.CLOSE),
            card_id=payload.get("card_id"),
            now=now,
        )
    _postpone_if_unfinished(attempt, now=now)


@handler(topics.TRANSFER_LAPSE, lane=Lane.PAYMENTS)
def lapse_transfer(payload: Mapping[str, Any], now: datetime) -> None:
    """End an announced bank transfer that did not arrive."""
    announced_transfers.lapse_transfer(transfer_id=payload["transfer_id"], now=now)


@handler(topics.NEW_CARD_CHARGES, lane=Lane.PAYMENTS, longest_wait=LONGEST_FOR_STRIPE)
def charge_for_new_card(payload: Mapping[str, Any], now: datetime) -> None:
    """Charge a new card for the next outstanding invoice."""
    card = PaymentMethod.objects.get(pk=payload["card_id"])
    _charge_next(charges_of_card(card), position=payload["position"], now=now)


@handler(topics.CHARGE_ORDER, lane=Lane.PAYMENTS, longest_wait=LONGEST_FOR_STRIPE)
def charge_as_ordered(payload: Mapping[str, Any], now: datetime) -> None:
    """Charge the next invoice that a person ordered to be paid."""
    order = ChargeOrder.objects.select_related("card").get(pk=payload["order_id"])
    _charge_next(charges_of_order(order), position=payload["position"], now=now)


def _charge_next(charges: charge_lists.ChargeList, *, position: int, now: datetime) -> None:
    with _postponed_without_answer(now=now):
        attempt = charge_lists.charge_next(charges, position=position, now=now)
    _postpone_if_unfinished(attempt, now=now)


@contextmanager
def _postponed_without_answer(*, now: datetime) -> Iterator[None]:
    """Postpone while Stripe is busy or does not answer; that is no failure of the message."""
    try:
        yield
    except (gateway.NotDone, gateway.OutcomeUnknown) as error:
        raise Postpone(now + SHORTEST_WAIT) from error


def _postpone_if_unfinished(attempt: ChargeAttempt | None, *, now: datetime) -> None:
    """Wait as long again as the attempt has been open: half a minute to an hour."""
    check_soon()
    unfinished = (ChargeAttempt.State.UNKNOWN, ChargeAttempt.State.PROCESSING)
    if attempt is not None and attempt.state in unfinished:
        raise Postpone(now + max(SHORTEST_WAIT, min(now - attempt.created_at, LONGEST_PAUSE)))


@handler(topics.REFUND, lane=Lane.PAYMENTS, longest_wait=LONGEST_FOR_STRIPE)
def send_refund(payload: Mapping[str, Any], now: datetime) -> None:
    """Send an ordered refund to Stripe; postpone while the outcome is unknown."""
    refunds.send_refund(refund_id=payload["refund_id"], now=now)


@handler(topics.CARD_SETTLED, lane=Lane.PAYMENTS, longest_wait=LONGEST_FOR_CARDS)
def settle_cards(payload: Mapping[str, Any], now: datetime) -> None:  # noqa: ARG001 - a handler's signature
    """Make the current card Stripe's default, and detach replaced cards."""
    if not cards.settle_cards_at_stripe(provider=current_provider(), now=now):
        raise Postpone(now + LONGEST_PAUSE)


@handler(topics.STRIPE_EVENT, lane=Lane.PAYMENTS)
def apply_stripe_event(payload: Mapping[str, Any], now: datetime) -> None:
    """Apply a stored event."""
    handlers.apply_event(event_id=payload["event_id"], provider=current_provider(), now=now)
    check_soon()


@handler(topics.STRIPE_EVENT_OWNER, lane=Lane.PAYMENTS)
def find_owner(payload: Mapping[str, Any], now: datetime) -> None:
    """Find the provider of an event that names no customer, and store the event there."""
    event = Event(
        id=payload["event_id"],
        type=payload["type"],
        created_at=datetime.fromisoformat(payload["created_at"]),
        subject={"id": payload["object_id"]},
    )
    handlers.find_owner(event=event, payment_intent_id=payload["payment_intent_id"], now=now)


@handler(topics.CHARGEBACK_MAIL, lane=Lane.DOCUMENTS)
def mail_chargeback(payload: Mapping[str, Any], now: datetime) -> None:
    """Mail a chargeback to operations, and a lost one to the billing contacts."""
    chargeback = Chargeback.objects.select_related("payment__invoice").get(
        pk=payload["chargeback_id"]
    )
    if chargeback.state == payload["state"]:
        payment_mails.queue_chargeback_mails(
            chargeback=chargeback, provider=current_provider(), now=now
        )


@handler(topics.DOCUMENTS, lane=Lane.DOCUMENTS)
def render_documents_of_invoice(payload: Mapping[str, Any], now: datetime) -> None:
    """Render and store an issued invoice's PDF and CSV."""
    store.render_documents(invoice=Invoice.objects.get(pk=payload["invoice_id"]), now=now)


@handler(topics.STATEMENT_DOCUMENT, lane=Lane.DOCUMENTS)
def render_statement_of_account(payload: Mapping[str, Any], now: datetime) -> None:
    """Render the account statement of some days; a person waits for it."""
    provider = current_provider()
    days = StatementDays(
        date.fromisoformat(payload["first"]),
        date.fromisoformat(payload["last"]),
        provider.billing_zone(),
    )
    render_statement(provider=provider, days=days, now=now)


@handler(topics.INVOICE_MAIL, lane=Lane.DOCUMENTS, longest_wait=LONGEST_FOR_RENDERING)
def mail_invoice(payload: Mapping[str, Any], now: datetime) -> None:
    """Mail an issued invoice; postpone until its PDF is rendered."""
    with _postponed_without_answer(now=now):
        assign_payments(invoice_id=payload["invoice_id"], now=now)
    payment_mails.queue_invoice_mail(invoice_id=payload["invoice_id"], now=now)


@handler(topics.RECEIPT_MAIL, lane=Lane.DOCUMENTS, longest_wait=LONGEST_FOR_RENDERING)
def mail_receipt(payload: Mapping[str, Any], now: datetime) -> None:
    """Render and mail the receipt of a payment: of a charge, or of a recorded bank transfer."""
    payments = Payment.objects.select_related("invoice")
    if "attempt_id" in payload:
        payment = payments.get(attempt=payload["attempt_id"])
    else:
        payment = payments.get(pk=payload["payment_id"])
    payment_mails.queue_receipt_mail(payment=payment, now=now)


@handler(topics.RECEIPT, lane=Lane.DOCUMENTS)
def render_receipt_of_payment(payload: Mapping[str, Any], now: datetime) -> None:
    """Render and store the receipt of a payment."""
    payment = Payment.objects.select_related("invoice").get(pk=payload["payment_id"])
    render_receipt(payment=payment, now=now)


@handler(topics.CHARGE_FAILED_MAIL, lane=Lane.DOCUMENTS, longest_wait=LONGEST_FOR_RENDERING)
def mail_failed_charge(payload: Mapping[str, Any], now: datetime) -> None:
    """Mail a failed charge, with the invoice; postpone until its PDF is rendered."""
    payment_mails.queue_charge_failed_mail(attempt_id=payload["attempt_id"], now=now)


@handler(topics.LATE_CREDITS, lane=Lane.PAYMENTS)
def credit_late_usage_of_months(payload: Mapping[str, Any], now: datetime) -> None:
    """Credit the late usage of closed months that no invoice could carry."""
    months = [Month.of_day(date.fromisoformat(day)) for day in payload["months"]]
    credit_late_usage(months=months, now=now)


@handler(topics.CREDIT_NOTE, lane=Lane.DOCUMENTS)
def render_credit_note_document(payload: Mapping[str, Any], now: datetime) -> None:
    """Render, store and mail an issued credit note."""
    note = CreditNote.objects.select_related("invoice").get(pk=payload["credit_note_id"])
    render_credit_note(note=note, now=now)
    mails.queue_credit_note_mail(note=note, now=now)


@handler(topics.REFUND_MAIL, lane=Lane.DOCUMENTS)
def mail_refund(payload: Mapping[str, Any], now: datetime) -> None:
    """Mail a refund to the billing contacts."""
    refund = Refund.objects.select_related("payment__invoice").get(pk=payload["refund_id"])
    mails.queue_refund_mail(refund=refund, now=now)


@handler(topics.DOCUMENT_MAIL, lane=Lane.DOCUMENTS)
def mail_document(payload: Mapping[str, Any], now: datetime) -> None:  # noqa: ARG001 - a handler's signature
    """Send a queued mail with its document."""
    send_document_mail(payload)


@handler(topics.CONTRACT_DOCUMENT, lane=Lane.DOCUMENTS)
def render_document_of_contract(payload: Mapping[str, Any], now: datetime) -> None:
    """Render and store an agreed contract."""
    render_contract_document(
        contract=Contract.objects.get(pk=payload["contract_id"]),
        provider=current_provider(),
        now=now,
    )


@handler(topics.REFUND_FAILED_MAIL, lane=Lane.DOCUMENTS)
def mail_failed_refund(payload: Mapping[str, Any], now: datetime) -> None:
    """Mail a failed refund to operations."""
    refund = Refund.objects.select_related("payment__invoice").get(pk=payload["refund_id"])
    mails.queue_refund_failed_mail(refund=refund, provider=current_provider(), now=now)


@handler(topics.DEPARTURE, lane=Lane.DOCUMENTS)
def finish_departure(payload: Mapping[str, Any], now: datetime) -> None:
    """Issue the final invoices of a provider that has left, and build its export."""
    departures.finish_departure(payload, provider=current_provider(), now=now)


@handler(topics.EXPORT, lane=Lane.IMPORTS)
def build_export(payload: Mapping[str, Any], now: datetime) -> None:
    """Build and store an export of the provider's data."""
    provider = current_provider()
    export.build_export(
        export_id=payload["export_id"],
        name=provider.name,
        zone=provider.billing_time_zone,
        now=now,
        form=export.TableForm.of_payload(payload),
    )
