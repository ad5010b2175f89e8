"""The PSA's check in the invoice preview, from our own rows; no call to Autotask."""

from collections.abc import Sequence
from datetime import datetime

from django.urls import reverse

from billing.preview.checks import CheckResult, Finding
from billing.rating.rate_month import BilledQuantity
from integrations.models import AutotaskConnection, Drift, ServiceMapping
from integrations.models.runs import GOOD

TITLE = "Autotask"


def psa(quantities: Sequence[BilledQuantity], now: datetime) -> CheckResult:  # noqa: ARG001 - a check's signature
    """Findings: billed organizations that are not mapped, services that a person must act on."""
    settings = AutotaskConnection.objects.current()
    if settings is None or not settings.is_connected:
        return CheckResult(TITLE, is_connected=False, summary="Autotask is not connected.")
    mappings = {one.organization_id: one for one in ServiceMapping.objects.living()}
    unmapped = [one for one in quantities if one.organization_id not in mappings]
    drifting = set(Drift.objects.filter(decided_at=None).values_list("mapping", flat=True))
    billed = {one.organization_id: one for one in quantities}
    findings = [_unmapped(one) for one in unmapped]
    for organization_id, mapping in mappings.items():
        if organization_id not in billed:
            continue
        name = billed[organization_id].organization_name
        if mapping.pk in drifting:
            title = f"{name} was changed in Autotask"
            findings.append(Finding(title, mapping.last_reason, reverse("autotask_drift_list")))
        elif not mapping.last_outcome:
            findings.append(Finding(f"{name} has never been synced", "", reverse("autotask")))
        elif mapping.last_outcome not in GOOD:
            address = reverse("autotask_map", args=[organization_id])
            findings.append(Finding(f"{name} is not synced", mapping.last_reason, address))
    mapped = len(quantities) - len(unmapped)
    return CheckResult(
        TITLE,
        is_connected=True,
        summary=f"{mapped:,} of {len(quantities):,} billed organizations are mapped.",
        findings=tuple(findings),
    )


def _unmapped(billed: BilledQuantity) -> Finding:
    return Finding(
        f"{billed.organization_name} is not mapped",
        f"Nothing bills its {billed.quantity:,} {billed.metric.unit} in Autotask.",
        reverse("autotask_map", args=[billed.organization_id]),
    )
