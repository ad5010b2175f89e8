"""The promises of one provider, judged from its rows alone, and what operations do about alerts.

The judgement repeats none of the product's statements: it looks at one invoice after the other.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import QuerySet

from billing import topics
from billing.charge_limits import fits_a_card
from billing.choices import Collection
from billing.corrections.bank_transfers import record_transfer
from billing.corrections.deliveries import deliver_invoice_again
from billing.dunning.stages import SUSPENDED_AFTER
from billing.dunning.status import dunning_status, update_dunning
from billing.models import ChargeAttempt, Invoice
from billing.provider_check import check_provider
from billing.reconciliation.payments import reconcile
from core.actors import Actor
from core.months import Month
from core.operations.models import OperationsAlert
from core.operations.outbox_watch import DEAD, WAITS, watch_outbox
from core.outbox.delivery import try_again
from core.outbox.models import OutboxMessage
from core.outbox.topics import topic_named
from core.schema import provider_schema
from tests.proofs.close_stage import Stage

OPERATIONS = Actor(id=1, name="Operations")
State = ChargeAttempt.State


def run_rounds(stage: Stage, *, now: datetime) -> None:
    """The hourly dunning, the minute's watch of the outbox and the hourly check of promises."""
    with provider_schema(stage.provider):
        update_dunning(now=now)
    watch_outbox(now=now)
    check_provider(provider=stage.provider, now=now)


def compare_with_stripe(stage: Stage, *, now: datetime) -> None:
    """The nightly comparison with Stripe's payments."""
    stage.provider.refresh_from_db()
    reconcile(provider=stage.provider, now=now)


def silent(stage: Stage, *, since: Month, now: datetime) -> Iterator[str]:
    """The invoices with work that is not done and that no message, reason or alert explains."""
    with provider_schema(stage.provider):
        for invoice in Invoice.objects.filter(month__gte=since.first_day).oldest_first():
            if now - invoice.issued_at < timedelta(hours=2) or _is_named(stage, invoice.number):
                continue
            if invoice.documents.count() < 2 and not _comes(stage, invoice, topics.DOCUMENTS, now):
                yield f"{invoice.number} has no documents"
            if invoice.amounts.due_minor == 0:
                continue
            if invoice.collection != Collection.AUTOMATIC:
                if not _is_mailed(stage, invoice, now):
                    yield f"{invoice.number} is not mailed"
            elif not fits_a_card(invoice.amounts.due_minor, invoice.currency):
                continue
            elif not _has_reason(invoice, now) and not _comes(stage, invoice, topics.CHARGE, now):
                yield f"{invoice.number} is not charged"


def _is_named(stage: Stage, key: str) -> bool:
    alerts = OperationsAlert.objects.open().filter(schema_name=stage.provider.schema_name)
    return alerts.filter(key=key).exists()


def _comes(stage: Stage, invoice: Invoice, topic: str, now: datetime) -> bool:
    """Whether a message does it: a dead one, and one that waits for long, with its alert."""
    return any(
        _is_seen(stage, message, now)
        for message in _messages(stage).filter(topic=topic, payload__invoice_id=invoice.pk)
    )


def _messages(stage: Stage) -> "QuerySet[OutboxMessage]":
    schema = stage.provider.schema_name
    return OutboxMessage.objects.filter(schema_name=schema, finished_at=None)


def _is_seen(stage: Stage, message: OutboxMessage, now: datetime) -> bool:
    alerts = OperationsAlert.objects.open().filter(
        schema_name=stage.provider.schema_name, key=message.topic
    )
    if message.dead_at is not None:
        return alerts.filter(kind=DEAD).exists()
    longest = topic_named(message.topic).longest_wait
    if message.waiting_since is not None and message.waiting_since + longest < now:
        return alerts.filter(kind=WAITS).exists()
    return True


def _has_reason(invoice: Invoice, now: datetime) -> bool:
    """Whether an attempt runs, is retried soon, or was refused for good."""
    last = invoice.attempts.order_by("-pk").first()
    if last is None or last.state == State.SUCCEEDED:
        return False
    if last.state != State.FAILED:
        return True
    return last.retry_at is None or last.retry_at > now - timedelta(hours=2)


def is_refused_for_good(invoice: Invoice) -> bool:
    """Whether its last attempt failed and no other one follows."""
    last = invoice.attempts.order_by("-pk").first()
    return last is not None and last.state == State.FAILED and last.retry_at is None


def _is_mailed(stage: Stage, invoice: Invoice, now: datetime) -> bool:
    mails = OutboxMessage.objects.filter(
        schema_name=stage.provider.schema_name,
        topic=topics.DOCUMENT_MAIL,
        key=f"invoice:{invoice.pk}",
    )
    if any(mail.finished_at or _is_seen(stage, mail, now) for mail in mails):
        return True
    return _comes(stage, invoice, topics.INVOICE_MAIL, now)


def act_on_alerts(stage: Stage, *, now: datetime) -> int:
    """Do the next step of each open alert of the provider; returns the number of alerts."""
    alerts = OperationsAlert.objects.open().filter(schema_name=stage.provider.schema_name)
    numbers = set(
        alerts.filter(kind__in=("billing.uncharged", "billing.unmailed", "billing.document"))
        .order_by()
        .values_list("key", flat=True)
    )
    count = alerts.count()
    with provider_schema(stage.provider):
        for invoice in Invoice.objects.filter(number__in=numbers):
            deliver_invoice_again(invoice=invoice, actor=OPERATIONS, now=now)
        for message in _messages(stage).exclude(dead_at=None):
            try_again(message=message, now=now)
    return count


def pay_mailed_invoices(stage: Stage, *, now: datetime) -> int:
    """The customer pays by transfer what was mailed; returns the number of transfers."""
    paid = 0
    with provider_schema(stage.provider):
        for invoice in Invoice.objects.outstanding().filter(collection=Collection.BY_INVOICE):
            mailed = OutboxMessage.objects.filter(
                schema_name=stage.provider.schema_name,
                topic=topics.DOCUMENT_MAIL,
                key=f"invoice:{invoice.pk}",
                finished_at__isnull=False,
            )
            if mailed.count() == 1:
                record_transfer(
                    invoice_id=invoice.pk,
                    amount_minor=invoice.owed_minor,
                    received_on=now.astimezone(stage.zone).date(),
                    reference=f"transfer of {invoice.number}",
                    actor=OPERATIONS,
                    now=now,
                )
                paid += 1
    return paid


def is_suspended_wrongly(stage: Stage, *, now: datetime) -> bool:
    """Whether it is suspended without an invoice that has been due for 45 days."""
    with provider_schema(stage.provider):
        stage.provider.refresh_from_db()
        if not dunning_status(provider=stage.provider, now=now).is_suspended:
            return False
        longest = timedelta(days=SUSPENDED_AFTER)
        return not any(
            invoice.issued_at + longest < now and invoice.attempts.exists()
            for invoice in Invoice.objects.outstanding()
        )
