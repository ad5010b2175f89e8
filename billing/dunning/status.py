"""A provider's dunning status, derived from its unpaid invoices at each read.

Until `Provider.outstanding_from` nothing can be outstanding, and no statement runs. From then on
one statement reads the invoices, so access is restored with the first request after a payment.
`update_dunning` records the steps and mails them. It runs in the transaction of each change of
what is owed, and hourly for the passing of time.
"""

from datetime import datetime

from django.db import transaction

from accounts.models import Provider
from accounts.providers import current_provider
from accounts.rounds import Look
from billing.dunning.mails import queue_dunning_mail
from billing.dunning.stages import CURRENT, DunningStatus
from billing.dunning.unpaid_invoices import read_status
from billing.models import DunningStep
from core.schema import current_schema, provider_schema


def dunning_status(*, provider: Provider, now: datetime) -> DunningStatus:
    """The provider's status at `now`; without a statement while nothing can be outstanding."""
    if not _may_be_outstanding(provider, now):
        return CURRENT
    if current_schema() == provider.schema_name:
        return read_status(zone=provider.billing_zone(), now=now)
    with provider_schema(provider):
        return read_status(zone=provider.billing_zone(), now=now)


@transaction.atomic
def update_dunning(*, now: datetime) -> DunningStatus:
    """Record and mail each change of the current provider's status once.

    Every step reached and not yet recorded gets its row and its mail, also if several were missed.
    A step that no longer applies ends, and the end of a suspension is mailed. Safe to repeat and
    to run concurrently: the provider's row is locked. Call it after each change of what is owed, in
    the same transaction.
    """
    provider = current_provider()
    provider.refresh_from_db(from_queryset=Provider.objects.select_for_update(no_key=True))
    status, open_steps = read_status(zone=provider.billing_zone(), now=now), _open_steps()
    if provider.outstanding_from != status.outstanding_from:
        provider.outstanding_from = status.outstanding_from
        provider.save(update_fields=["outstanding_from"])
    reached = _steps_reached(status)
    for step in DunningStep.objects.filter(step__in=open_steps - reached.keys(), ended_at=None):
        step.ended_at = now
        step.save(update_fields=["ended_at"])
        if step.step == DunningStep.Step.SUSPENDED:
            queue_dunning_mail(provider=provider, step=step, status=status, now=now)
    for name, since in reached.items():
        if name not in open_steps:
            step = DunningStep.objects.create(
                step=name,
                invoice_id=status.debts[0].invoice_id,
                since=since,
                at=now,
                mailed_at=now,
            )
            queue_dunning_mail(provider=provider, step=step, status=status, now=now)
    return status


def after_payment(*, now: datetime) -> None:
    """Restore access after a payment; one statement if nothing was outstanding."""
    provider = current_provider()
    # A batch may have read the provider's row hours ago.
    provider.refresh_from_db(fields=["outstanding_from"])
    if _may_be_outstanding(provider, now):
        update_dunning(now=now)


def look_at_dunning(provider: Provider, now: datetime) -> Look:
    """Update the provider if its status has changed; three statements if it has not.

    Enters its schema.
    """
    with provider_schema(provider):
        status = read_status(zone=provider.billing_zone(), now=now)
        has_changed = (
            _steps_reached(status).keys() != _open_steps()
            or provider.outstanding_from != status.outstanding_from
        )
        if has_changed:
            status = update_dunning(now=now)
    return Look(has_changed, status.changes_at)


def next_dunning_change(*, provider: Provider, now: datetime) -> datetime | None:
    """When the passing of time changes the status of the current provider next; None for never."""
    if _may_be_outstanding(provider, now):
        return read_status(zone=provider.billing_zone(), now=now).changes_at
    return provider.outstanding_from


def unrecorded_steps(*, provider: Provider, now: datetime) -> list[tuple[str, datetime]]:
    """The current provider's steps that are reached and not recorded, and since when."""
    if not _may_be_outstanding(provider, now):
        return []
    recorded = _open_steps()
    status = read_status(zone=provider.billing_zone(), now=now)
    return [item for item in _steps_reached(status).items() if item[0] not in recorded]


def _may_be_outstanding(provider: Provider, now: datetime) -> bool:
    return provider.outstanding_from is not None and provider.outstanding_from <= now


def _steps_reached(status: DunningStatus) -> dict[str, datetime]:
    """The steps reached, mildest first, and since when."""
    return {
        DunningStep.Step[stage.name].value: since for stage, since in sorted(status.since.items())
    }


def _open_steps() -> frozenset[str]:
    """The recorded steps of the current provider that have not ended."""
    return frozenset(DunningStep.objects.filter(ended_at=None).values_list("step", flat=True))
