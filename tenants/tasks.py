"""Alerts by the clock: a round of every provider, and the day's digests."""

from datetime import datetime
from functools import partial

from celery import shared_task
from django.utils import timezone

from accounts.models import Provider
from accounts.provider_batches import active_providers, batches, for_each_provider
from core.schema import ProviderTask, provider_schema
from tenants.alerts.digests import send_digests
from tenants.alerts.evaluation import evaluate_rules
from tenants.alerts.schedule import WATCH_PROVIDER


@shared_task(name=WATCH_PROVIDER, base=ProviderTask)
def evaluate_alerts_of_provider() -> int:
    """A round of one provider, a moment after something changed; gives how many alerts opened."""
    return len(evaluate_rules(now=timezone.now()).opened)


@shared_task(name="tenants.tasks.evaluate_all_alerts")
def evaluate_all_alerts() -> None:
    """Send every active provider's round to workers, in portions."""
    for portion in batches(active_providers()):
        evaluate_alerts_of.delay(portion)


@shared_task(name="tenants.tasks.evaluate_alerts_of")
def evaluate_alerts_of(provider_ids: list[int]) -> None:
    """A round and the due digests of each of these providers; one that fails stops no other."""
    for_each_provider(
        provider_ids,
        partial(_watch, now=timezone.now()),
        failed="No round of alerts of %s; with the next again.",
    )


def _watch(provider: Provider, *, now: datetime) -> None:
    with provider_schema(provider):
        evaluate_rules(now=now)
        send_digests(now=now)
