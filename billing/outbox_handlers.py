"""Who does billing's durable work: each handler is safe to run twice for one message."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from accounts.providers import current_provider
from billing import documents, topics
from billing.corrections import mails, refund_sending
from billing.documents.contract_documents import render_contract_document
from billing.documents.credit_note import render_credit_note
from billing.documents.invoice_mails import send_document_mail
from billing.gateway import client as gateway
from billing.models import ChargeAttempt, Chargeback, Contract, CreditNote, Invoice, Refund
from billing.payments import cards, charging, new_card_charges
from billing.payments import mails as payment_mails
from billing.payments.chargeback_mails import queue_chargeback_mails
from billing.webhooks import handlers
from billing.webhooks.inbox import Event
from core.outbox.topics import Postpone, handler
from tenants.alerts.schedule import check_soon

SOON = timedelta(seconds=5)
FIRST_LOOK = timedelta(seconds=30)
SLOWEST_LOOK = timedelta(hours=1)


@handler(topics.CHARGE)
def charge(payload: Mapping[str, Any], now: datetime) -> None:
    """Charge an invoice; come back for an outcome that is not known yet."""
    with _patience(now=now):
        attempt = charging.charge_invoice(
            invoice_id=payload["invoice_id"],
            cause=payload.get("cause", charging.CLOSE),
            card_id=payload.get("card_id"),
            now=now,
        )
    _come_back(attempt, now=now)


@handler(topics.NEW_CARD_CHARGES)
def charge_for_new_card(payload: Mapping[str, Any], now: datetime) -> None:
    """Charge a new card with the next of the outstanding invoices."""
    with _patience(now=now):
        attempt = new_card_charges.charge_next(
            card_id=payload["card_id"], position=payload["position"], now=now
        )
    _come_back(attempt, now=now)


@contextmanager
def _patience(*, now: datetime) -> Iterator[None]:
    """Stripe being busy or silent is no failure of the message, however long it lasts."""
    try:
        yield
    except (gateway.NotDone, gateway.OutcomeUnknown) as away:
        raise Postpone(now + FIRST_LOOK) from away


def _come_back(attempt: ChargeAttempt | None, *, now: datetime) -> None:
    check_soon()
    if attempt is not None and attempt.state in (
        ChargeAttempt.State.UNKNOWN,
        ChargeAttempt.State.PROCESSING,
    ):
        raise Postpone(now + _wait(attempt, now=now))


def _wait(attempt: ChargeAttempt, *, now: datetime) -> timedelta:
    """As long again as it has been open, from half a minute to an hour."""
    return max(FIRST_LOOK, min(now - attempt.created_at, SLOWEST_LOOK))


@handler(topics.REFUND)
def give_back(payload: Mapping[str, Any], now: datetime) -> None:
    """Have Stripe give an ordered refund back; come back for an outcome that is not known yet."""
    refund_sending.send_refund(refund_id=payload["refund_id"], now=now)


@handler(topics.CARD_SETTLED)
def settle_cards(payload: Mapping[str, Any], now: datetime) -> None:  # noqa: ARG001 - one for all
    """Tell Stripe which card is the default and take the replaced ones off."""
    if not cards.settle_cards_at_stripe(provider=current_provider(), now=now):
        raise Postpone(now + SLOWEST_LOOK)


@handler(topics.STRIPE_EVENT)
def apply_stripe_event(payload: Mapping[str, Any], now: datetime) -> None:
    """Act on a kept event."""
    handlers.apply_event(event_id=payload["event_id"], provider=current_provider(), now=now)
    check_soon()


@handler(topics.STRIPE_EVENT_OWNER)
def find_owner(payload: Mapping[str, Any], now: datetime) -> None:
    """Ask Stripe whose event this is, and keep it there."""
    event = Event(
        id=payload["event_id"],
        type=payload["type"],
        created_at=datetime.fromisoformat(payload["created_at"]),
        subject={"id": payload["object_id"]},
    )
    handlers.find_owner(event=event, payment_intent_id=payload["payment_intent_id"], now=now)


@handler(topics.CHARGEBACK_MAIL)
def mail_chargeback(payload: Mapping[str, Any], now: datetime) -> None:
    """Tell operations of a contested payment, and the billing contacts of a lost one."""
    chargeback = Chargeback.objects.select_related("payment__invoice").get(
        pk=payload["chargeback_id"]
    )
    if chargeback.state == payload["state"]:
        queue_chargeback_mails(chargeback=chargeback, provider=current_provider(), now=now)


@handler(topics.DOCUMENTS)
def render_documents_of_invoice(payload: Mapping[str, Any], now: datetime) -> None:
    """Render an issued invoice's PDF and CSV and keep their bytes."""
    documents.render_documents(invoice=Invoice.objects.get(pk=payload["invoice_id"]), now=now)


@handler(topics.INVOICE_MAIL)
def mail_invoice(payload: Mapping[str, Any], now: datetime) -> None:
    """Mail an issued invoice once its PDF is there."""
    try:
        payment_mails.queue_invoice_mail(invoice_id=payload["invoice_id"], now=now)
    except payment_mails.DocumentsNotReady as waiting:
        raise Postpone(now + SOON) from waiting


@handler(topics.RECEIPT_MAIL)
def mail_receipt(payload: Mapping[str, Any], now: datetime) -> None:
    """Mail the copy of a paid invoice once its PDF is there."""
    try:
        payment_mails.queue_receipt_mail(attempt_id=payload["attempt_id"], now=now)
    except payment_mails.DocumentsNotReady as waiting:
        raise Postpone(now + SOON) from waiting


@handler(topics.CHARGE_FAILED_MAIL)
def mail_failed_charge(payload: Mapping[str, Any], now: datetime) -> None:
    """Tell the billing contacts that a card was not charged, with the invoice."""
    try:
        payment_mails.queue_charge_failed_mail(attempt_id=payload["attempt_id"], now=now)
    except payment_mails.DocumentsNotReady as waiting:
        raise Postpone(now + SOON) from waiting


@handler(topics.CREDIT_NOTE)
def render_credit_note_document(payload: Mapping[str, Any], now: datetime) -> None:
    """Render an issued credit note, keep its bytes and mail it."""
    note = CreditNote.objects.select_related("invoice").get(pk=payload["credit_note_id"])
    render_credit_note(note=note, now=now)
    mails.queue_credit_note_mail(note=note, now=now)


@handler(topics.REFUND_MAIL)
def mail_refund(payload: Mapping[str, Any], now: datetime) -> None:
    """Tell the billing contacts of money given back."""
    refund = Refund.objects.select_related("payment__invoice").get(pk=payload["refund_id"])
    mails.queue_refund_mail(refund=refund, now=now)


@handler(topics.DOCUMENT_MAIL)
def mail_document(payload: Mapping[str, Any], now: datetime) -> None:  # noqa: ARG001 - a handler's signature
    """Send a queued mail with its document."""
    send_document_mail(payload)


@handler(topics.CONTRACT_DOCUMENT)
def render_document_of_contract(payload: Mapping[str, Any], now: datetime) -> None:
    """Render an agreed contract and keep its bytes."""
    render_contract_document(
        contract=Contract.objects.get(pk=payload["contract_id"]),
        provider=current_provider(),
        now=now,
    )


@handler(topics.REFUND_FAILED_MAIL)
def mail_failed_refund(payload: Mapping[str, Any], now: datetime) -> None:
    """Tell operations of money that did not go back."""
    refund = Refund.objects.select_related("payment__invoice").get(pk=payload["refund_id"])
    mails.queue_refund_failed_mail(refund=refund, provider=current_provider(), now=now)
