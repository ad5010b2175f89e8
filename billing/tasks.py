"""What billing does by the clock: often enough, so that what was missed is caught up."""

import logging

from celery import shared_task
from django.db import connection
from django.utils import timezone

from accounts.models import Provider
from billing.month_close import close_due_months
from billing.reconciliation import book_recent, reconcile
from billing.reminders.round import remind
from billing.standing import record_standings
from mtp.outbox.delivery import waking_once

logger = logging.getLogger(__name__)

# A connection keeps a cache of every schema it touched: it is dropped after so many providers.
PROVIDERS_PER_TASK = 100


@shared_task(name="billing.tasks.close_due_months")
def close_all_due_months() -> None:
    """Ask for every active provider's months that are over and not closed, in chunks."""
    ids = list(
        Provider.objects.filter(state=Provider.State.ACTIVE, closes_automatically=True)
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    for start in range(0, len(ids), PROVIDERS_PER_TASK):
        close_months_of.delay(ids[start : start + PROVIDERS_PER_TASK])


@shared_task(name="billing.tasks.close_months_of")
def close_months_of(provider_ids: list[int]) -> None:
    """Close these providers' due months; one that fails is logged and holds up no other."""
    now = timezone.now()
    try:
        with waking_once():
            for provider in Provider.objects.filter(pk__in=provider_ids).order_by("pk"):
                try:
                    close_due_months(provider=provider, now=now)
                except Exception:
                    logger.exception("Closing a month of %s failed; next hour again.", provider)
    finally:
        connection.close()


@shared_task(name="billing.tasks.record_all_standings")
def record_all_standings() -> None:
    """Record where every active provider stands now, in chunks of one statement each."""
    active = Provider.objects.filter(state=Provider.State.ACTIVE).order_by("pk")
    ids = list(active.values_list("pk", flat=True))
    for start in range(0, len(ids), PROVIDERS_PER_TASK):
        record_standings_of.delay(ids[start : start + PROVIDERS_PER_TASK])


@shared_task(name="billing.tasks.record_standings_of")
def record_standings_of(provider_ids: list[int]) -> int:
    """Record the steps these providers reached or left; gives how many providers changed."""
    try:
        with waking_once():
            providers = list(Provider.objects.filter(pk__in=provider_ids).order_by("pk"))
            return record_standings(providers=providers, now=timezone.now())
    finally:
        if not connection.in_atomic_block:
            connection.close()


@shared_task(name="billing.tasks.reconcile_all")
def reconcile_all() -> None:
    """Book what Stripe gave or took back lately, and compare every active provider's payments."""
    try:
        book_recent(now=timezone.now())
    except Exception:
        logger.exception("Recent refunds and disputes were not asked about; tomorrow again.")
    active = Provider.objects.filter(state=Provider.State.ACTIVE).order_by("pk")
    ids = list(active.values_list("pk", flat=True))
    for start in range(0, len(ids), PROVIDERS_PER_TASK):
        reconcile_payments_of.delay(ids[start : start + PROVIDERS_PER_TASK])


@shared_task(name="billing.tasks.reconcile_payments_of")
def reconcile_payments_of(provider_ids: list[int]) -> None:
    """Reconcile these providers; one that fails is logged and holds up no other."""
    now = timezone.now()
    try:
        for provider in Provider.objects.filter(pk__in=provider_ids).order_by("pk"):
            try:
                reconcile(provider=provider, now=now)
            except Exception:
                logger.exception("Reconciling %s failed; tomorrow again.", provider)
    finally:
        if not connection.in_atomic_block:
            connection.close()


@shared_task(name="billing.tasks.remind_all")
def remind_all() -> None:
    """Mail what comes soon to every active provider: a card that expires, a contract's renewal."""
    active = Provider.objects.filter(state=Provider.State.ACTIVE).order_by("pk")
    ids = list(active.values_list("pk", flat=True))
    for start in range(0, len(ids), PROVIDERS_PER_TASK):
        remind_providers.delay(ids[start : start + PROVIDERS_PER_TASK])


@shared_task(name="billing.tasks.remind_providers")
def remind_providers(provider_ids: list[int]) -> None:
    """Remind these providers; one that fails is logged and holds up no other."""
    now = timezone.now()
    try:
        with waking_once():
            for provider in Provider.objects.filter(pk__in=provider_ids).order_by("pk"):
                try:
                    remind(provider=provider, now=now)
                except Exception:
                    logger.exception("Reminding %s failed; tomorrow again.", provider)
    finally:
        if not connection.in_atomic_block:
            connection.close()
