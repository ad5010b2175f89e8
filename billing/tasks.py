"""What billing does by the clock: often enough, so that what was missed is caught up."""

import logging

from celery import shared_task
from django.utils import timezone

from accounts.models import Provider
from accounts.provider_batches import active_providers, close_connection, for_each, portions
from billing.dunning.status import record_standings
from billing.invoicing.month_close import close_due_months
from billing.reconciliation import book_recent, reconcile
from billing.reminders.daily import remind
from core.outbox.delivery import waking_once

logger = logging.getLogger(__name__)


@shared_task(name="billing.tasks.close_due_months")
def close_all_due_months() -> None:
    """Ask for every active provider's months that are over and not closed, in portions."""
    for portion in portions(active_providers().filter(closes_automatically=True)):
        close_months_of.delay(portion)


@shared_task(name="billing.tasks.close_months_of")
def close_months_of(provider_ids: list[int]) -> None:
    """Close these providers' due months; one that fails is logged and holds up no other."""
    now = timezone.now()
    for_each(
        provider_ids,
        lambda provider: close_due_months(provider=provider, now=now),
        failed="Closing a month of %s failed; next hour again.",
    )


@shared_task(name="billing.tasks.record_all_standings")
def record_all_standings() -> None:
    """Record where every active provider stands now, in portions of a task each."""
    for portion in portions(active_providers()):
        record_standings_of.delay(portion)


@shared_task(name="billing.tasks.record_standings_of")
def record_standings_of(provider_ids: list[int]) -> int:
    """Record the steps these providers reached or left; gives how many providers changed."""
    try:
        with waking_once():
            providers = list(Provider.objects.filter(pk__in=provider_ids).order_by("pk"))
            return record_standings(providers=providers, now=timezone.now())
    finally:
        close_connection()


@shared_task(name="billing.tasks.reconcile_all")
def reconcile_all() -> None:
    """Book what Stripe gave or took back lately, and compare every active provider's payments."""
    try:
        book_recent(now=timezone.now())
    except Exception:
        logger.exception("Recent refunds and disputes were not asked about; tomorrow again.")
    for portion in portions(active_providers()):
        reconcile_payments_of.delay(portion)


@shared_task(name="billing.tasks.reconcile_payments_of")
def reconcile_payments_of(provider_ids: list[int]) -> None:
    """Reconcile these providers; one that fails is logged and holds up no other."""
    now = timezone.now()
    for_each(
        provider_ids,
        lambda provider: reconcile(provider=provider, now=now),
        failed="Reconciling %s failed; tomorrow again.",
    )


@shared_task(name="billing.tasks.remind_all")
def remind_all() -> None:
    """Mail what comes soon to every active provider: a card that expires, a contract's renewal."""
    for portion in portions(active_providers()):
        remind_providers.delay(portion)


@shared_task(name="billing.tasks.remind_providers")
def remind_providers(provider_ids: list[int]) -> None:
    """Remind these providers; one that fails is logged and holds up no other."""
    now = timezone.now()
    for_each(
        provider_ids,
        lambda provider: remind(provider=provider, now=now),
        failed="Reminding %s failed; tomorrow again.",
    )
