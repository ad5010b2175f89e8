"""Cases that the tests of promises share."""

import hashlib
from datetime import datetime, timedelta

from billing.models import (
    ChargeAttempt,
    Invoice,
    InvoiceDocument,
    PaymentMethod,
)
from billing.provider_check import check_provider
from core.operations.kinds import kinds
from core.operations.models import OperationsAlert
from core.outbox.delivery import enqueue
from core.outbox.models import OutboxMessage
from tests.billing.conftest import NOVEMBER, BillingScenario

LATER = NOVEMBER + timedelta(hours=2)


def broken(scenario: BillingScenario, now: datetime = LATER) -> dict[str, list[str]]:
    """The keys of the open alerts of the provider by kind, after a check."""
    check_provider(provider=scenario.provider, now=now)
    found: dict[str, list[str]] = {}
    alerts = OperationsAlert.objects.open().filter(schema_name=scenario.provider.schema_name)
    for alert in alerts.order_by("key"):
        assert alert.next_step
        assert alert.title == kinds()[alert.kind].title
        found.setdefault(alert.kind, []).append(alert.key)
    return found


def with_documents(invoice: Invoice) -> Invoice:
    """The invoice with stored documents, which nothing reads."""
    for each in InvoiceDocument.Format:
        content = each.value.encode()
        InvoiceDocument.objects.create(
            invoice=invoice,
            format=each,
            content=content,
            sha256=hashlib.sha256(content).hexdigest(),
            rendered_at=NOVEMBER,
        )
    return invoice


def attempt(invoice: Invoice, state: str, **changes: object) -> ChargeAttempt:
    card = PaymentMethod.objects.current()
    assert card is not None
    fields: dict[str, object] = {
        "cause": "close",
        "idempotency_key": f"key-{ChargeAttempt.objects.count()}",
        "amount_minor": invoice.total_minor,
        "currency": "USD",
        "stripe_payment_method_id": card.stripe_payment_method_id,
        "created_at": NOVEMBER,
        "finished_at": NOVEMBER if state in ("failed", "succeeded") else None,
    }
    return ChargeAttempt.objects.create(invoice=invoice, state=state, **{**fields, **changes})


def message(topic: str, payload: dict[str, object]) -> OutboxMessage:
    enqueue(topic=topic, key="m", payload=payload, now=LATER)
    return OutboxMessage.objects.get(topic=topic, key="m")
