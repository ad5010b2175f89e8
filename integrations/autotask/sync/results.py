"""The results of a run, stored: checks, confirmed figures of mappings, open drifts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from core.months import Month
from integrations.autotask.api.entities import UnitRow
from integrations.models import Drift, ServiceCheck, ServiceMapping, SyncRun
from integrations.models.runs import GOOD, Outcome

MAPPING_FIELDS = (
    "synced_through",
    "confirmed_units",
    "confirmed_unit_cost",
    "confirmed_month",
    "last_checked_at",
    "last_outcome",
    "last_reason",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of one mapped service. `after` is what Autotask holds now, None if unknown."""

    mapping: ServiceMapping
    outcome: Outcome
    reason: str = ""
    before: int | None = None
    desired: int | None = None
    after: int | None = None
    unit_cost: Decimal | None = None
    price_total: Decimal | None = None
    is_cost_confirmed: bool = True


@transaction.atomic
def record(
    *, run: SyncRun, month: Month, results: Sequence[Result], is_over: bool, now: datetime
) -> None:
    """Add a check for each result and, unless the run is a preview, update its mapping.

    With `is_over` the month has ended, so a good result is its last one. A check that exists stays
    as it is. Open drifts of services with a good result are closed.
    """
    checks = [
        ServiceCheck(
            run=run,
            mapping=result.mapping,
            month=month.first_day,
            organization_name=result.mapping.organization.name,
            service=result.mapping.service_path,
            outcome=result.outcome,
            reason=result.reason,
            units_before=result.before,
            units_desired=result.desired,
            units_after=result.after,
            unit_cost=result.unit_cost,
            price_total=result.price_total,
            checked_at=now,
        )
        for result in results
    ]
    ServiceCheck.objects.bulk_create(checks, ignore_conflicts=True)
    if not run.may_push:
        return
    for result in results:
        _update_mapping(result, month=month, is_over=is_over, now=now)
    mappings = [result.mapping for result in results]
    ServiceMapping.objects.bulk_update(mappings, MAPPING_FIELDS, batch_size=200)
    agreeing = [result.mapping for result in results if result.outcome in GOOD]
    Drift.objects.filter(mapping__in=agreeing, decided_at=None).update(
        decided_at=now, decision=Drift.Decision.GONE
    )


def _update_mapping(result: Result, *, month: Month, is_over: bool, now: datetime) -> None:
    mapping = result.mapping
    mapping.last_checked_at = now
    mapping.last_outcome = result.outcome
    mapping.last_reason = result.reason
    if result.outcome not in GOOD:
        return
    mapping.confirmed_units = result.after
    mapping.confirmed_month = month.first_day
    if result.is_cost_confirmed:
        mapping.confirmed_unit_cost = result.unit_cost
    if is_over:
        mapping.synced_through = month.first_day


@transaction.atomic
def open_drift(
    *,
    mapping: ServiceMapping,
    row: UnitRow,
    expected_units: int,
    persons_units: int,
    desired_units: int,
    month: Month,
    now: datetime,
) -> None:
    """Open a drift for a person's edit, or leave the open one if it has the same figures."""
    if mapping.confirmed_units is None:
        # The first push met an edit: from now on other units in Autotask are a person's.
        mapping.confirmed_units = expected_units
        mapping.save(update_fields=["confirmed_units"])
    current = Drift.objects.select_for_update().filter(mapping=mapping, decided_at=None).first()
    if current is not None:
        observed = (current.observed_units, current.observed_cost_total, current.month)
        if observed == (row.units, row.cost, month.first_day):
            return
        current.decided_at, current.decision = now, Drift.Decision.SUPERSEDED
        current.save(update_fields=["decided_at", "decision"])
    Drift.objects.create(
        mapping=mapping,
        month=month.first_day,
        expected_units=expected_units,
        observed_units=row.units,
        persons_units=persons_units,
        desired_units=desired_units,
        expected_unit_cost=mapping.confirmed_unit_cost,
        observed_cost_total=row.cost,
        detected_at=now,
    )
