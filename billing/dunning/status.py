"""A provider's standing: derived from its unpaid invoices whenever it is asked for.

`Provider.outstanding_from` only spares the question: until that instant nothing can be outstanding.
From it on the invoices themselves answer, in one statement, so whoever has paid has access with the
next request, whoever recorded the payment. Steps and mails are written by `update_dunning`, in the
transaction of what changed and hourly for what merely passed.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from accounts.models import Provider
from accounts.providers import current_provider
from billing.dunning import mails
from billing.dunning.stages import CURRENT, DunningStage, DunningStatus, assess
from billing.dunning.unpaid_invoices import UnpaidInvoices, read_facts, read_open_steps
from billing.models import DunningStep
from core.schema import current_schema, provider_schema

logger = logging.getLogger(__name__)

Step = DunningStep.Step
STEPS = {
    DunningStage.OUTSTANDING: Step.OUTSTANDING,
    DunningStage.THIRTY_DAYS: Step.THIRTY_DAYS,
    DunningStage.SUSPENDED: Step.SUSPENDED,
}


def dunning_status(*, provider: Provider, now: datetime) -> DunningStatus:
    """Where the provider stands at `now`; without a statement while nothing can be outstanding."""
    if not _may_be_outstanding(provider, now):
        return CURRENT
    return _assessed(provider, _facts_of(provider), now=now)


@transaction.atomic
def update_dunning(*, now: datetime) -> DunningStatus:
    """Write what the entered provider's standing has become, once, and mail it.

    Every step reached and not yet recorded gets its row and its mail, also when several were
    missed; a step that no longer holds ends, and the end of a suspension is mailed. Safe to repeat
    and to run in two places: they wait for each other. Call it after whatever changes what is owed,
    in the same transaction.
    """
    provider = current_provider()
    provider.refresh_from_db(from_queryset=Provider.objects.select_for_update(no_key=True))
    assessment, open_steps = _assessed(provider, read_facts(), now=now), read_open_steps()
    if provider.outstanding_from != assessment.outstanding_from:
        provider.outstanding_from = assessment.outstanding_from
        provider.save(update_fields=["outstanding_from"])
    _end_steps(provider, assessment, open_steps, now=now)
    for standing, since in sorted(assessment.since.items()):
        if STEPS[standing] not in open_steps:
            _begin_step(provider, assessment, standing, since=since, now=now)
    return assessment


def after_payment(*, now: datetime) -> None:
    """Restore what a payment restores; one statement where nothing was outstanding."""
    provider = current_provider()
    # Others may have changed it since the schema was entered, hours ago in a batch.
    provider.refresh_from_db(fields=["outstanding_from"])
    if _may_be_outstanding(provider, now):
        update_dunning(now=now)


def update_dunning_of_many(*, providers: Sequence[Provider], now: datetime) -> int:
    """Record the standing of those of these providers where something changed; gives how many.

    Three statements find out for a provider that nothing changed: one enters its schema. A provider
    that fails is logged and left for the next round.
    """
    changed = 0
    for provider in providers:
        try:
            with provider_schema(provider):
                if _has_changed(provider, now=now):
                    update_dunning(now=now)
                    changed += 1
        except Exception:
            logger.exception("The standing of %s was not recorded; next hour again.", provider)
    return changed


def _may_be_outstanding(provider: Provider, now: datetime) -> bool:
    return provider.outstanding_from is not None and provider.outstanding_from <= now


def _facts_of(provider: Provider) -> UnpaidInvoices:
    if current_schema() == provider.schema_name:
        return read_facts()
    with provider_schema(provider):
        return read_facts()


def _assessed(provider: Provider, facts: UnpaidInvoices, *, now: datetime) -> DunningStatus:
    until = facts.deferred_until(provider.billing_zone())
    return assess(debts=facts.debts, deferred_until=until, now=now)


def _has_changed(provider: Provider, *, now: datetime) -> bool:
    assessment = _assessed(provider, read_facts(), now=now)
    reached = {str(STEPS[standing]) for standing in assessment.since}
    return reached != read_open_steps() or provider.outstanding_from != assessment.outstanding_from


def _begin_step(
    provider: Provider,
    assessment: DunningStatus,
    standing: DunningStage,
    *,
    since: datetime,
    now: datetime,
) -> None:
    step = DunningStep.objects.create(
        step=STEPS[standing],
        invoice_id=assessment.debts[0].invoice_id,
        since=since,
        at=now,
        mailed_at=now,
    )
    mails.queue_step_mail(provider=provider, step=step, assessment=assessment, now=now)


def _end_steps(
    provider: Provider, assessment: DunningStatus, open_steps: frozenset[str], *, now: datetime
) -> None:
    over = open_steps - {str(STEPS[standing]) for standing in assessment.since}
    for step in DunningStep.objects.filter(step__in=over, ended_at=None):
        step.ended_at = now
        step.save(update_fields=["ended_at"])
        if step.step == Step.SUSPENDED:
            mails.queue_restored_mail(provider=provider, step=step, assessment=assessment, now=now)
