"""What the PSA has to say to a person: no connection, drift, services that could not be synced."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.urls import reverse

from integrations.models import AutotaskConnection, Drift, ServiceMapping, SyncRun
from integrations.models.runs import NOT_DONE, Outcome
from tenants.alerts.rules import Condition, rule
from tenants.models import Severity
from tenants.models.alerts import Kind

# A night's run that is not through by then has been given up or never began.
LATE = timedelta(hours=36)


@rule("psa")
def psa(*, now: datetime) -> Iterator[Condition]:
    """Everything about the PSA that waits for a person; one cause for each service."""
    settings = AutotaskConnection.objects.filter(pk=1).first()
    if settings is None or not settings.is_syncing:
        return
    yield from _run_troubles(settings, now=now)
    yield from _drifts()
    yield from _services()


def _run_troubles(settings: AutotaskConnection, *, now: datetime) -> Iterator[Condition]:
    if settings.problem:
        yield Condition(
            cause="psa-connection",
            kind=Kind.PSA,
            severity=Severity.CRITICAL,
            title="Autotask can't be synced",
            text=settings.problem,
            link=reverse("autotask"),
        )
    nightly = SyncRun.objects.filter(kind=SyncRun.Kind.NIGHTLY)
    last = nightly.order_by("-created_at").first()
    since = last.created_at if last else settings.connected_at
    is_late = since is not None and now - since > LATE
    if last is not None and last.failure and not settings.problem:
        yield _night("The nightly Autotask run failed", last.failure)
    elif is_late and ServiceMapping.objects.living().exists():
        yield _night("No nightly Autotask run took place", "The last one is more than a day old.")


def _night(title: str, text: str) -> Condition:
    return Condition(
        cause="psa-night",
        kind=Kind.PSA,
        severity=Severity.CRITICAL,
        title=title,
        text=text,
        link=reverse("autotask_run_list"),
    )


def _drifts() -> Iterator[Condition]:
    for drift in Drift.objects.filter(decided_at=None).select_related("mapping__organization"):
        organization = drift.mapping.organization
        yield Condition(
            cause=f"psa-drift-{drift.mapping_id}",
            kind=Kind.PSA,
            severity=Severity.WARNING,
            title=f"{organization.name} was changed in Autotask"[:200],
            text=(
                f"Last confirmed were {drift.expected_units} units, Autotask shows "
                f"{drift.observed_units}. Decide whose number stands."
            ),
            organization_id=organization.pk,
            link=reverse("autotask_drift_list"),
        )


def _services() -> Iterator[Condition]:
    outcomes = [outcome for outcome in NOT_DONE if outcome != Outcome.DRIFT]
    troubled = ServiceMapping.objects.living().filter(last_outcome__in=outcomes)
    for mapping in troubled.select_related("organization"):
        yield Condition(
            cause=f"psa-service-{mapping.pk}",
            kind=Kind.PSA,
            severity=Severity.WARNING,
            title=f"{mapping.organization.name} is not synced to Autotask"[:200],
            text=mapping.last_reason,
            organization_id=mapping.organization_id,
            link=reverse("autotask_map", args=[mapping.organization_id]),
        )
