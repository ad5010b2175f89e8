"""Writing down what a run found: a check that stays, the mapping's confirmed figures, drift."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from core.months import Month
from integrations.models import Drift, ServiceCheck, ServiceMapping, SyncRun
from integrations.models.runs import GOOD, Outcome

MAPPING_FIELDS = (
    "settled_through",
    "confirmed_units",
    "confirmed_unit_cost",
    "confirmed_month",
    "last_checked_at",
    "last_outcome",
    "last_reason",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one mapped service. `after` is what Autotask holds now, None if not known."""

    mapping: ServiceMapping
    outcome: Outcome
    reason: str = ""
    before: int | None = None
    wanted: int | None = None
    after: int | None = None
    unit_cost: Decimal | None = None
    price_total: Decimal | None = None
    is_cost_confirmed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A person's edit: the figures of a new drift."""

    mapping: ServiceMapping
    expected: int
    found: int
    theirs: int
    wanted: int
    found_cost: Decimal | None


@transaction.atomic
def record(
    *, run: SyncRun, month: Month, results: Sequence[Result], is_over: bool, now: datetime
) -> None:
    """Keep a check for each result and bring its mapping up to date.

    `is_over` says that the month has ended: what is good now stays. A check that exists already is
    left as it is.
    """
    checks = [
        ServiceCheck(
            run=run,
            mapping=result.mapping,
            month=month.first_day,
            organization_name=result.mapping.organization.name,
            service=_service(result.mapping),
            outcome=result.outcome,
            reason=result.reason,
            units_before=result.before,
            units_desired=result.wanted,
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
        _bring_up_to_date(result, month=month, is_over=is_over, now=now)
    mappings = [result.mapping for result in results]
    ServiceMapping.objects.bulk_update(mappings, MAPPING_FIELDS, batch_size=200)
    agreeing = [result.mapping for result in results if result.outcome in GOOD]
    Drift.objects.filter(mapping__in=agreeing, decided_at=None).update(
        decided_at=now, decision=Drift.Decision.GONE
    )


def _bring_up_to_date(result: Result, *, month: Month, is_over: bool, now: datetime) -> None:
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
        mapping.settled_through = month.first_day


def _service(mapping: ServiceMapping) -> str:
    return f"{mapping.company_name}, {mapping.contract_name}, {mapping.service_name}"


@transaction.atomic
def open_drift(*, changed: Changed, month: Month, now: datetime) -> Drift:
    """The open drift of a mapping; the same figures are told once."""
    mapping = changed.mapping
    if mapping.confirmed_units is None:
        # From now on a number here is a person's, also before our first push has come through.
        mapping.confirmed_units = changed.expected
        mapping.save(update_fields=["confirmed_units"])
    known = Drift.objects.select_for_update().filter(mapping=mapping, decided_at=None).first()
    if known is not None:
        is_same = (known.observed_units, known.observed_cost_total, known.month) == (
            changed.found,
            changed.found_cost,
            month.first_day,
        )
        if is_same:
            return known
        known.decided_at, known.decision = now, Drift.Decision.SUPERSEDED
        known.save(update_fields=["decided_at", "decision"])
    return Drift.objects.create(
        mapping=mapping,
        month=month.first_day,
        expected_units=changed.expected,
        observed_units=changed.found,
        theirs_units=changed.theirs,
        desired_units=changed.wanted,
        expected_unit_cost=mapping.confirmed_unit_cost,
        observed_cost_total=changed.found_cost,
        found_at=now,
    )
