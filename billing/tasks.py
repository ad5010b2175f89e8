"""Closing by the clock: hourly, so that what was missed is caught up."""

import logging
from datetime import datetime

from celery import shared_task
from django.db import connection
from django.utils import timezone

from accounts.models import Provider
from billing.month_close import MonthAlreadyClosed, close_month, due_months
from mtp.schema import provider_schema

logger = logging.getLogger(__name__)

# A connection keeps a cache of every schema it touched: it is dropped after so many providers.
PROVIDERS_PER_TASK = 100


@shared_task(name="billing.tasks.close_due_months")
def close_due_months() -> None:
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
        for provider in Provider.objects.filter(pk__in=provider_ids).order_by("pk"):
            try:
                close_provider_months(provider=provider, now=now)
            except Exception:
                logger.exception("Closing a month of %s failed; next hour again.", provider)
    finally:
        connection.close()


def close_provider_months(*, provider: Provider, now: datetime) -> int:
    """Close each due month of a provider, oldest first; returns how many were closed here."""
    with provider_schema(provider.schema_name):
        months = due_months(provider=provider, now=now)
    closed = 0
    for month in months:
        try:
            close_month(provider=provider, month=month, now=now)
        except MonthAlreadyClosed:
            continue
        closed += 1
    return closed
