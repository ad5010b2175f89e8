"""Tasks that evaluate alert rules and send the daily digests."""

from datetime import datetime
from functools import partial

from celery import shared_task
from django.utils import timezone

from accounts.models import Provider
from accounts.provider_batches import batches, for_each_provider, working_providers
from accounts.rounds import scheduled_round
from accounts.stages import Use
from core.schema import ProviderTask, provider_schema
from tenants.alerts.digests import send_digests
from tenants.alerts.evaluation import evaluate_rules
from tenants.alerts.schedule import EVALUATE_TASK

ALERTS = scheduled_round(
    "alerts", title="Evaluating alerts", again="The next evaluation tries again."
)


@shared_task(name=EVALUATE_TASK, base=ProviderTask)
def evaluate_alerts_of_provider() -> int:
    """Evaluate one provider's rules after a change; return how many alerts opened."""
    return len(evaluate_rules(now=timezone.now()).opened)


@shared_task(name="tenants.tasks.evaluate_all_alerts")
def evaluate_all_alerts() -> None:
    """Send the evaluation of every active provider to workers, in batches."""
    for batch in batches(working_providers(Use.DAILY_WORK, now=timezone.now())):
        evaluate_alerts_of.delay(batch)


@shared_task(name="tenants.tasks.evaluate_alerts_of")
def evaluate_alerts_of(provider_ids: list[int]) -> None:
    """Evaluate the rules and send the due digests of these providers; a failure stops no other."""
    now = timezone.now()
    for_each_provider(provider_ids, partial(_evaluate, now=now), round_=ALERTS, now=now)


def _evaluate(provider: Provider, *, now: datetime) -> None:
    with provider_schema(provider):
        evaluate_rules(now=now)
        send_digests(now=now)
