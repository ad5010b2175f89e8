"""The alerts of the PSA: connection problems, drift, services that could not be synced."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.urls import reverse

from integrations.models import AutotaskConnection, Drift, ServiceMapping, SyncRun
from integrations.models.runs import NOT_DONE, Outcome
from tenants.alerts.rules import Condition, rule
from tenants.models import Severity
from tenants.models.alerts import Kind

# A longer time without a nightly run means that one did not begin.
LATE = timedelta(hours=36)


def _late_at(*, now: datetime) -> Iterator[datetime]:  # noqa: ARG001 - also a past one
    settings = AutotaskConnection.objects.current()
    if settings is None or not settings.is_syncing:
        return
    last = _last_nightly_run()
    since = last.created_at if last else settings.connected_at
    if since is not None:
        # At this instant it is not late yet.
        yield since + LATE + timedelta(microseconds=1)


@rule("psa", changes_at=_late_at)
def psa(*, now: datetime) -> Iterator[Condition]:
    """Everything about the PSA that a person has to act on, with one cause per service."""
    settings = AutotaskConnection.objects.current()
    if settings is None or not settings.is_syncing:
        return
    yield from _of_runs(settings, now=now)
    yield from _of_drifts()
    yield from _of_services()


def _of_runs(settings: AutotaskConnection, *, now: datetime) -> Iterator[Condition]:
    if settings.problem:
        title = "Autotask can't be synced"
        yield _critical("psa-connection", title, settings.problem, link="autotask")
    last = _last_nightly_run()
    since = last.created_at if last else settings.connected_at
    is_late = since is not None and now - since > LATE
    if last is not None and last.failure and not settings.problem:
        title = "The nightly Autotask run failed"
        yield _critical("psa-night", title, last.failure, link="autotask_run_list")
    elif is_late and ServiceMapping.objects.living().exists():
        title, text = "No nightly Autotask run took place", "The last one is more than a day old."
        yield _critical("psa-night", title, text, link="autotask_run_list")


def _last_nightly_run() -> SyncRun | None:
    nightly = SyncRun.objects.filter(kind=SyncRun.Kind.NIGHTLY)
    return nightly.order_by("-created_at").first()


def _critical(cause: str, title: str, text: str, *, link: str) -> Condition:
    return Condition(
        cause=cause,
        kind=Kind.PSA,
        severity=Severity.CRITICAL,
        title=title,
        text=text,
        link=reverse(link),
    )


def _of_drifts() -> Iterator[Condition]:
    for drift in Drift.objects.filter(decided_at=None).select_related("mapping__organization"):
        organization = drift.mapping.organization
        yield Condition(
            cause=f"psa-drift-{drift.mapping_id}",
            kind=Kind.PSA,
            severity=Severity.WARNING,
            title=f"{organization.name} was changed in Autotask"[:200],
            text=(
                f"Last confirmed were {drift.expected_units} units, Autotask shows "
                f"{drift.observed_units}. Choose which number to use."
            ),
            organization_id=organization.pk,
            link=reverse("autotask_drift_list"),
        )


def _of_services() -> Iterator[Condition]:
    outcomes = [outcome for outcome in NOT_DONE if outcome != Outcome.DRIFT]
    mappings = ServiceMapping.objects.living().filter(last_outcome__in=outcomes)
    for mapping in mappings.select_related("organization"):
        yield Condition(
            cause=f"psa-service-{mapping.pk}",
            kind=Kind.PSA,
            severity=Severity.WARNING,
            title=f"{mapping.organization.name} is not synced to Autotask"[:200],
            text=mapping.last_reason,
            organization_id=mapping.organization_id,
            link=reverse("autotask_map", args=[mapping.organization_id]),
        )
