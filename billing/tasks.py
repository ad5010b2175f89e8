"""Billing's scheduled tasks; each run also does the work of missed runs."""

import logging

from celery import shared_task
from django.utils import timezone

from accounts.provider_batches import (
    active_providers,
    batches,
    due_batches,
    due_round,
    for_each_provider,
    look_at_due,
)
from accounts.rounds import PLATFORM, report_round, scheduled_round
from accounts.stages import Use
from billing.dunning.status import look_at_dunning
from billing.invoicing.month_close import close_due_months
from billing.provider_check import PROMISES, check_provider
from billing.reconciliation.payments import reconcile
from billing.reconciliation.recent import book_recent
from billing.reminders import remind

logger = logging.getLogger(__name__)

CLOSE = scheduled_round("close", title="Closing months", again="The next hour tries again.")
RECONCILE = scheduled_round(
    "reconcile", title="Comparing payments with Stripe's", again="The next day tries again."
)
BOOK_RECENT = scheduled_round(
    "book_recent", title="Booking refunds and disputes", again="The next day tries again."
)
DUNNING = due_round(
    scheduled_round("dunning", title="Updating the dunning", again="The next hour tries again."),
    use=Use.DUNNING,
    look=look_at_dunning,
)
REMIND = due_round(
    scheduled_round("remind", title="Mailing reminders", again="The next day tries again."),
    use=Use.DAILY_WORK,
    look=remind,
)


@shared_task(name="billing.tasks.close_due_months")
def close_all_due_months() -> None:
    """Start a task for each batch of active providers that are closed automatically."""
    for batch in batches(active_providers().filter(closes_automatically=True)):
        close_months_of.delay(batch)


@shared_task(name="billing.tasks.close_months_of")
def close_months_of(provider_ids: list[int]) -> None:
    """Close these providers' due months; a failure is logged, and the next provider follows."""
    now = timezone.now()
    for_each_provider(
        provider_ids,
        lambda provider: close_due_months(provider=provider, now=now),
        round_=CLOSE,
        now=now,
    )


@shared_task(name="billing.tasks.update_all_dunning")
def update_all_dunning() -> None:
    """Start a task for each batch of providers whose dunning may have changed."""
    for batch in due_batches(DUNNING, now=timezone.now()):
        update_dunning_of.delay(batch)


@shared_task(name="billing.tasks.update_dunning_of")
def update_dunning_of(provider_ids: list[int]) -> int:
    """Record the dunning steps that these providers reached or left; return how many changed."""
    return look_at_due(provider_ids, round_=DUNNING, now=timezone.now())


@shared_task(name="billing.tasks.reconcile_all")
def reconcile_all() -> None:
    """Book recent refunds and disputes, then start a task for each batch of active providers."""
    now = timezone.now()
    try:
        book_recent(now=now)
    except Exception as error:
        logger.exception("Recent refunds and disputes were not booked. %s", BOOK_RECENT.again)
        report_round(BOOK_RECENT, failed={PLATFORM: error}, worked=[], now=now)
    else:
        report_round(BOOK_RECENT, failed={}, worked=[PLATFORM], now=now)
    for batch in batches(active_providers()):
        reconcile_payments_of.delay(batch)


@shared_task(name="billing.tasks.reconcile_payments_of")
def reconcile_payments_of(provider_ids: list[int]) -> None:
    """Reconcile these providers; a failure is logged, and the next provider follows."""
    now = timezone.now()
    for_each_provider(
        provider_ids,
        lambda provider: reconcile(provider=provider, now=now),
        round_=RECONCILE,
        now=now,
    )


@shared_task(name="billing.tasks.send_all_reminders")
def send_all_reminders() -> None:
    """Start a task for each batch of providers that may have a reminder."""
    for batch in due_batches(REMIND, now=timezone.now()):
        send_reminders_of.delay(batch)


@shared_task(name="billing.tasks.send_reminders_of")
def send_reminders_of(provider_ids: list[int]) -> None:
    """Mail these providers' reminders; a failure is logged, and the next provider follows."""
    look_at_due(provider_ids, round_=REMIND, now=timezone.now())


@shared_task(name="billing.tasks.check_all_promises")
def check_all_promises() -> None:
    """Start a task for each batch of active providers."""
    for batch in batches(active_providers()):
        check_promises_of.delay(batch)


@shared_task(name="billing.tasks.check_promises_of")
def check_promises_of(provider_ids: list[int]) -> None:
    """Check the promises of these providers, and record their figures for operations."""
    now = timezone.now()
    for_each_provider(
        provider_ids,
        lambda provider: check_provider(provider=provider, now=now),
        round_=PROMISES,
        now=now,
    )
