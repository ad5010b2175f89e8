"""What to do about one service in one month, from what is wanted and what was read. Pure.

The quantity of a month is that of the row on its last day: adjustments of earlier days all count
there. A change is a signed delta without any idempotency key, so nothing here decides on a guess.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum, auto

from integrations.autotask.api.entities import UnitRow
from integrations.autotask.sync.service_month import DriftResolution, ServiceMonth
from integrations.choices import DatePolicy


class Action(Enum):
    """What is to be done."""

    NOTHING = auto()
    PUSH = auto()
    WAIT = auto()
    KEEP = auto()
    ASK_ABOUT_DRIFT = auto()
    ASK_PERSON = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do, with the figures it was decided on. `before` None where no row is."""

    do: Action
    reason: str = ""
    before: int | None = None
    cost_before: Decimal | None = None
    target: int | None = None
    unit_cost: Decimal | None = None
    effective_date: date | None = None


def plan(case: ServiceMonth) -> Decision:
    """What to do about the service in the month.

    Rules: docs/facts/autotask.md, Setting units and cost.
    """
    wanted, row = case.wanted, case.row
    problem = case.problem()
    if problem or row is None:
        before = row.units if row else None
        return Decision(do=Action.ASK_PERSON, reason=problem, before=before, target=wanted.units)
    agrees = case.cost_agrees()
    plan = Decision(
        do=Action.NOTHING,
        before=row.units,
        cost_before=row.cost,
        target=wanted.units,
        unit_cost=wanted.unit_cost,
    )
    if row.units == wanted.units and agrees is not False:
        return replace(plan, reason=_unread(agrees, row))
    if case.known.kept == (case.month.first_day, row.units):
        return replace(plan, do=Action.KEEP, reason="Autotask's number is kept for this month.")
    ordered = case.known.ordered
    if ordered is not None and ordered.holds_for(row):
        return _push(_aimed(plan, ordered), case, row)
    is_drift = _is_drift(case, row, agrees=agrees)
    return _ask_about(plan, case, row) if is_drift else _change(plan, case, row)


def _ask_about(plan: Decision, case: ServiceMonth, row: UnitRow) -> Decision:
    return replace(plan, do=Action.ASK_ABOUT_DRIFT, reason=_drift_words(case, row))


def _change(plan: Decision, case: ServiceMonth, row: UnitRow) -> Decision:
    if case.wanted.units < row.units and _must_wait(case):
        until = f"{case.month.next.first_day:%-d %B %Y}"
        return replace(plan, do=Action.WAIT, reason=f"The decrease waits for {until}, as was set.")
    return _push(plan, case, row)


def _aimed(plan: Decision, ordered: DriftResolution) -> Decision:
    return plan if ordered.target is None else replace(plan, target=ordered.target)


def _is_drift(case: ServiceMonth, row: UnitRow, *, agrees: bool | None) -> bool:
    """Whether somebody else changed what we last confirmed. Before the first push all is theirs."""
    known, wanted = case.known, case.wanted
    if known.confirmed_units is None:
        return False
    if row.units != known.confirmed_units:
        return row.units != wanted.units
    # Only the cost: ours to change when the contracted one is new, a person's when it is not.
    is_cost_only = row.units == wanted.units and agrees is False
    return is_cost_only and known.confirmed_cost == wanted.unit_cost


def _must_wait(case: ServiceMonth) -> bool:
    """A decrease inside a month; at the month's turn it counts from the 1st like any change."""
    is_turn = case.known.confirmed_month != case.month.first_day
    return case.policy is DatePolicy.WHOLE_MONTHS and not is_turn


def _push(plan: Decision, case: ServiceMonth, row: UnitRow) -> Decision:
    name = f"{case.month.first_day:%B %Y}"
    if case.month.last_day < case.today and row.is_posted:
        reason = f"{name} is billed in Autotask already, with {row.units} units."
        return replace(plan, do=Action.ASK_PERSON, reason=reason)
    for day in _days_by_preference(case):
        if day not in case.known.used_days:
            return replace(plan, do=Action.PUSH, effective_date=day)
    reason = f"Every day of {name} has an adjustment already, and Autotask takes one a day."
    return replace(plan, do=Action.ASK_PERSON, reason=reason)


def _days_by_preference(case: ServiceMonth) -> Iterator[date]:
    """Days that the month and the contract share, as near to the policy's day as is free.

    Two adjustments of one day land on one service period and are refused (docs/facts/autotask.md).
    """
    if case.found.contract is None:
        return
    first = max(case.month.first_day, case.found.contract.starts_on)
    last = min(case.month.last_day, case.found.contract.ends_on)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    if case.policy is DatePolicy.DAY_OF_CHANGE:
        yield from (day for day in days if day >= case.today)
        yield from (day for day in reversed(days) if day < case.today)
    else:
        yield from days


def _unread(agrees: bool | None, row: UnitRow) -> str:
    if agrees is None and row.units:
        return "The API user can't read costs: the unit cost could not be checked."
    return ""


def _drift_words(case: ServiceMonth, row: UnitRow) -> str:
    if row.units == case.known.confirmed_units:
        return "The unit cost was changed in Autotask. An Administrator with Billing decides."
    return (
        f"The units were changed in Autotask, from {case.known.confirmed_units} to {row.units}. "
        "An Administrator with Billing decides which number stands."
    )
