"""Helpers of the dunning tests: the hourly update, payments, queued mails."""

from datetime import UTC, datetime, timedelta
from typing import Any

from accounts.models import Provider
from billing.dunning import status
from billing.dunning.stages import DunningStage
from billing.models import Invoice, Payment
from core.actors import Actor
from core.outbox.models import OutboxMessage
from tests.billing.conftest import BillingScenario

STAFF = Actor(id=1, name="Stella")
# Of an invoice due on 1 November 2026, in UTC.
DUE_OVER = datetime(2026, 11, 2, tzinfo=UTC)
THIRTY = datetime(2026, 12, 1, tzinfo=UTC)
FORTY_FIVE = datetime(2026, 12, 16, tzinfo=UTC)
HOUR = timedelta(hours=1)


def stage_at(scenario: BillingScenario, now: datetime) -> DunningStage:
    """The stage that a request at `now` sees."""
    provider = Provider.objects.get(pk=scenario.provider.pk)
    return status.dunning_status(provider=provider, now=now).stage


def hourly(scenario: BillingScenario, now: datetime) -> bool:
    """Whether the hourly update changed something."""
    provider = Provider.objects.get(pk=scenario.provider.pk)
    return status.look_at_dunning(provider, now).has_changed


def pay(invoice: Invoice, now: datetime, amount_minor: int | None = None) -> None:
    """Record a bank transfer without updating dunning."""
    Payment.objects.create(
        invoice=invoice,
        method=Payment.Method.BANK_TRANSFER,
        amount_minor=invoice.total_minor if amount_minor is None else amount_minor,
        currency=invoice.currency,
        received_at=now,
    )


def mails() -> list[dict[str, Any]]:
    queued = OutboxMessage.objects.filter(topic="mail.send").order_by("pk")
    return [message.payload for message in queued]


def subjects() -> list[str]:
    return [mail["subject"] for mail in mails()]
