"""Scheduled tasks of the integrations."""

from datetime import datetime
from functools import partial

from celery import shared_task
from django.utils import timezone

from accounts.models import Provider
from accounts.provider_batches import batches, for_each_provider, working_providers
from accounts.rounds import scheduled_round
from accounts.stages import Use
from core.schema import provider_schema
from integrations.autotask.sync.runs import request_nightly_run

NIGHTLY = scheduled_round(
    "psa", title="Requesting the nightly PSA run", again="The next hour tries again."
)


@shared_task(name="integrations.tasks.sync_due_providers")
def sync_due_providers() -> None:
    """Request the due nightly run of every active provider, in batches.

    Runs hourly, so a nightly run begins within the hour after its day's snapshot.
    """
    for batch in batches(working_providers(Use.DAILY_WORK, now=timezone.now())):
        request_nightly_runs_of.delay(batch)


@shared_task(name="integrations.tasks.request_nightly_runs_of")
def request_nightly_runs_of(provider_ids: list[int]) -> None:
    """Request the due nightly runs of these providers.

    Enters each provider's schema. A failure is logged; the other providers continue.
    """
    now = timezone.now()
    for_each_provider(provider_ids, partial(_request_nightly, now=now), round_=NIGHTLY, now=now)


def _request_nightly(provider: Provider, *, now: datetime) -> None:
    with provider_schema(provider):
        request_nightly_run(now=now)
