"""Tasks that evaluate alert rules and send the daily digests."""

from datetime import datetime

from celery import shared_task
from django.utils import timezone

from accounts.models import Provider
from accounts.provider_batches import due_batches, due_round, look_at_due
from accounts.rounds import Look, scheduled_round
from accounts.stages import Use
from core.schema import ProviderTask, provider_schema
from tenants.alerts.digests import next_digest_at, send_digests
from tenants.alerts.evaluation import evaluate_rules
from tenants.alerts.rules import next_change
from tenants.alerts.schedule import EVALUATE_TASK


def _evaluate(provider: Provider, now: datetime) -> Look:
    with provider_schema(provider):
        result = evaluate_rules(now=now)
        digests = send_digests(now=now)
        # A rule that raised is tried again by the next round.
        coming = [now] if result.failed else [next_change(now=now), next_digest_at(now=now)]
    return Look(
        has_changed=bool(result.opened or result.worse or result.resolved or digests),
        again_at=min((at for at in coming if at), default=None),
    )


ALERTS = due_round(
    scheduled_round("alerts", title="Evaluating alerts", again="The next evaluation tries again."),
    use=Use.DAILY_WORK,
    look=_evaluate,
)


@shared_task(name=EVALUATE_TASK, base=ProviderTask)
def evaluate_alerts_of_provider() -> int:
    """Evaluate one provider's rules after a change; return how many alerts opened."""
    return len(evaluate_rules(now=timezone.now()).opened)


@shared_task(name="tenants.tasks.evaluate_all_alerts")
def evaluate_all_alerts() -> None:
    """Send the evaluation of every provider whose alerts may have changed to workers."""
    for batch in due_batches(ALERTS, now=timezone.now()):
        evaluate_alerts_of.delay(batch)


@shared_task(name="tenants.tasks.evaluate_alerts_of")
def evaluate_alerts_of(provider_ids: list[int]) -> None:
    """Evaluate the rules and send the due digests of these providers; a failure stops no other."""
    look_at_due(provider_ids, round_=ALERTS, now=timezone.now())
