"""What billing does by the clock: often enough, so that what was missed is caught up."""

import logging

from celery import shared_task
from django.utils import timezone

from accounts.models import Provider
from accounts.provider_batches import active_providers, batches, close_connection, for_each_provider
from billing.dunning.status import update_dunning_of_many
from billing.invoicing.month_close import close_due_months
from billing.reconciliation import book_recent, reconcile
from billing.reminders.daily import remind
from core.outbox.delivery import batch_wakeups

logger = logging.getLogger(__name__)


@shared_task(name="billing.tasks.close_due_months")
def close_all_due_months() -> None:
    """Ask for every active provider's months that are over and not closed, in portions."""
    for portion in batches(active_providers().filter(closes_automatically=True)):
        close_months_of.delay(portion)


@shared_task(name="billing.tasks.close_months_of")
def close_months_of(provider_ids: list[int]) -> None:
    """Close these providers' due months; one that fails is logged and holds up no other."""
    now = timezone.now()
    for_each_provider(
        provider_ids,
        lambda provider: close_due_months(provider=provider, now=now),
        failed="Closing a month of %s failed; next hour again.",
    )


@shared_task(name="billing.tasks.update_all_dunning")
def update_all_dunning() -> None:
    """Record where every active provider stands now, in portions of a task each."""
    for portion in batches(active_providers()):
        update_dunning_of.delay(portion)


@shared_task(name="billing.tasks.update_dunning_of")
def update_dunning_of(provider_ids: list[int]) -> int:
    """Record the steps these providers reached or left; gives how many providers changed."""
    try:
        with batch_wakeups():
            providers = list(Provider.objects.filter(pk__in=provider_ids).order_by("pk"))
            return update_dunning_of_many(providers=providers, now=timezone.now())
    finally:
        close_connection()


@shared_task(name="billing.tasks.reconcile_all")
def reconcile_all() -> None:
    """Book what Stripe gave or took back lately, and compare every active provider's payments."""
    try:
        book_recent(now=timezone.now())
    except Exception:
        logger.exception("Recent refunds and disputes were not asked about; tomorrow again.")
    for portion in batches(active_providers()):
        reconcile_payments_of.delay(portion)


@shared_task(name="billing.tasks.reconcile_payments_of")
def reconcile_payments_of(provider_ids: list[int]) -> None:
    """Reconcile these providers; one that fails is logged and holds up no other."""
    now = timezone.now()
    for_each_provider(
        provider_ids,
        lambda provider: reconcile(provider=provider, now=now),
        failed="Reconciling %s failed; tomorrow again.",
    )


@shared_task(name="billing.tasks.send_all_reminders")
def send_all_reminders() -> None:
    """Mail what comes soon to every active provider: a card that expires, a contract's renewal."""
    for portion in batches(active_providers()):
        send_reminders_of.delay(portion)


@shared_task(name="billing.tasks.send_reminders_of")
def send_reminders_of(provider_ids: list[int]) -> None:
    """Remind these providers; one that fails is logged and holds up no other."""
    now = timezone.now()
    for_each_provider(
        provider_ids,
        lambda provider: remind(provider=provider, now=now),
        failed="Reminding %s failed; tomorrow again.",
    )
