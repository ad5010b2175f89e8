"""The plan for one mapped service in one month. Pure: no query and no call.

The units of a month are those of the row that covers its last day, so an adjustment of any earlier
day counts. An adjustment is a signed delta without an idempotency key: a second one counts twice.
So `plan()` never guesses; where the figures leave a doubt, a person decides. Rules:
docs/facts/autotask.md, Setting units and cost.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum, auto

from core.months import MONTHS_OF_A_YEAR, Month
from integrations.autotask.api.entities import Contract, Line, UnitRow
from integrations.choices import DatePolicy
from integrations.models import ServiceMapping

CENT = Decimal("0.01")


class Action(Enum):
    """What a run does about a service in a month."""

    NOTHING = auto()
    PUSH = auto()
    WAIT = auto()
    KEEP = auto()
    ASK_ABOUT_DRIFT = auto()
    ASK_PERSON = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The action and its figures: units before (None without a row) and after, cost per unit."""

    action: Action
    reason: str = ""
    before: int | None = None
    target: int | None = None
    unit_cost: Decimal | None = None
    effective_date: date | None = None


@dataclass(frozen=True, slots=True)
class DriftResolution:
    """A person's decision on a drift: at exactly these figures, set the units to `target`.

    `target` None is the desired quantity.
    """

    observed_units: int
    observed_cost: Decimal | None
    target: int | None

    def holds_for(self, row: UnitRow) -> bool:
        """Whether Autotask still shows exactly the figures that the person decided on."""
        return self.observed_units == row.units and self.observed_cost == row.cost


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncState:
    """Our records of a mapped service.

    `confirmed_units` were read back last; other units in Autotask are a person's edit. Autotask
    takes no second adjustment on one of the `used_days`.
    """

    mapping: ServiceMapping
    confirmed_units: int | None = None
    resolution: DriftResolution | None = None
    used_days: Collection[date] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """A fresh reading of a service. `line` None is gone; `rows` are those that touch the month.

    `is_ambiguous`: the contract has the service twice, and a row does not name its line.
    """

    contract: Contract | None
    line: Line | None
    rows: tuple[UnitRow, ...] = ()
    is_ambiguous: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceMonth:
    """Everything that `plan()` needs. `today` is the day in the provider's billing zone."""

    state: SyncState
    observed: Observed
    desired_units: int
    unit_cost: Decimal | None
    month: Month
    today: date
    policy: DatePolicy

    @property
    def row(self) -> UnitRow | None:
        """The row with the month's units: it covers the last day that month and contract share."""
        if self.observed.contract is None:
            return None
        last = min(self.month.last_day, self.observed.contract.ends_on)
        return next((row for row in self.observed.rows if row.covers(last)), None)

    def problem(self) -> str:
        """Why the service can't hold the quantity as it is mapped; empty where it can."""
        return next((text for text in self._problems() if text), "")

    def _problems(self) -> Iterator[str]:
        mapping, contract, line = self.state.mapping, self.observed.contract, self.observed.line
        name = f"The contract “{mapping.contract_name}”"
        service = f"the service “{mapping.service_name}”"
        if contract is None:
            yield f"{name} is no longer in Autotask. Map the organization again."
            return
        if contract.company_id != mapping.company_id:
            yield f"{name} belongs to another company now. Map the organization again."
        if not contract.is_recurring:
            yield f"{name} is no Recurring Service contract."
        yield _contract_problem(name, contract, self.month)
        if line is None or (line.contract_id, line.service_id) != (contract.id, mapping.service_id):
            # An adjustment would create the service again, without notice.
            yield f"{name} no longer has {service}. Map the organization again."
        if self.observed.is_ambiguous:
            yield f"{name} has {service} twice; Autotask does not say whose the units are."
        if self.row is None:
            yield f"Autotask has no period of {service} at the end of {self.month.first_day:%B %Y}."

    def cost_agrees(self) -> bool | None:
        """Whether the row's total is the cost of its units; None where it can't be read.

        A total is that of a period, or of a part by days. Periods are months counted from the
        contract's first day.
        """
        row, contract = self.row, self.observed.contract
        if self.unit_cost is None:
            return True
        if row is None or contract is None or row.cost is None:
            return None
        days = Decimal((row.ends_on - row.starts_on).days + 1)
        whole = row.units * self.unit_cost
        part = whole * days / _period_days(contract.starts_on, row.starts_on)
        return any(
            abs(row.cost - total.quantize(CENT, rounding=ROUND_HALF_UP)) <= CENT
            for total in (whole, part)
        )


def plan(service: ServiceMonth) -> Decision:
    """The decision about the service in the month."""
    mapping, row, problem = service.state.mapping, service.row, service.problem()
    decision = Decision(
        action=Action.NOTHING,
        before=row.units if row else None,
        target=service.desired_units,
        unit_cost=service.unit_cost,
    )
    if problem or row is None:
        return replace(decision, action=Action.ASK_PERSON, reason=problem)
    agrees = service.cost_agrees()
    if row.units == service.desired_units and agrees is not False:
        unread = "The API user can't read costs: the unit cost could not be checked."
        return replace(decision, reason=unread if agrees is None and row.units else "")
    if mapping.is_accepted(units=row.units, month=service.month.first_day):
        reason = "Autotask's number is kept for this month."
        return replace(decision, action=Action.KEEP, reason=reason)
    resolution = service.state.resolution
    if resolution is not None and resolution.holds_for(row):
        if resolution.target is not None:
            decision = replace(decision, target=resolution.target)
    elif _is_drift(service, row, agrees=agrees):
        return replace(decision, action=Action.ASK_ABOUT_DRIFT, reason=_drift_text(service, row))
    elif service.desired_units < row.units and _must_wait(service):
        until = f"{service.month.next.first_day:%-d %B %Y}"
        reason = f"The decrease waits for {until}, as was set."
        return replace(decision, action=Action.WAIT, reason=reason)
    return _push(decision, service, row)


def _is_drift(service: ServiceMonth, row: UnitRow, *, agrees: bool | None) -> bool:
    """Whether a person changed the confirmed figures. Before the first push there are none."""
    confirmed_units = service.state.confirmed_units
    if confirmed_units is None:
        return False
    if row.units != confirmed_units:
        return row.units != service.desired_units
    # Only the cost differs. A new contracted cost is ours to push, the same one was edited there.
    is_cost_only = row.units == service.desired_units and agrees is False
    return is_cost_only and service.state.mapping.confirmed_unit_cost == service.unit_cost


def _must_wait(service: ServiceMonth) -> bool:
    """Whether a decrease waits for the next month, because this month has confirmed units."""
    is_first = service.state.mapping.confirmed_month != service.month.first_day
    return service.policy is DatePolicy.WHOLE_MONTHS and not is_first


def _push(decision: Decision, service: ServiceMonth, row: UnitRow) -> Decision:
    name = f"{service.month.first_day:%B %Y}"
    if service.month.last_day < service.today and row.is_posted:
        reason = f"{name} is billed in Autotask already, with {row.units} units."
        return replace(decision, action=Action.ASK_PERSON, reason=reason)
    for day in _days_by_preference(service):
        if day not in service.state.used_days:
            return replace(decision, action=Action.PUSH, effective_date=day)
    reason = f"Every day of {name} has an adjustment already, and Autotask takes one a day."
    return replace(decision, action=Action.ASK_PERSON, reason=reason)


def _days_by_preference(service: ServiceMonth) -> Iterator[date]:
    """The days that month and contract share, the policy's day first and then the nearest ones."""
    contract = service.observed.contract
    if contract is None:
        return
    first = max(service.month.first_day, contract.starts_on)
    last = min(service.month.last_day, contract.ends_on)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    if service.policy is DatePolicy.DAY_OF_CHANGE:
        yield from (day for day in days if day >= service.today)
        yield from (day for day in reversed(days) if day < service.today)
    else:
        yield from days


def _drift_text(service: ServiceMonth, row: UnitRow) -> str:
    confirmed_units = service.state.confirmed_units
    if row.units == confirmed_units:
        return "The unit cost was changed in Autotask. An Administrator with Billing decides."
    return (
        f"The units were changed in Autotask, from {confirmed_units} to {row.units}. "
        "An Administrator with Billing decides which number stands."
    )


def _contract_problem(name: str, contract: Contract, month: Month) -> str:
    if contract.ends_on < month.first_day:
        renewed = contract.renewed_by_id
        hint = f" It was renewed as contract {renewed}." if renewed else ""
        ended = f"{contract.ends_on:%-d %B %Y}"
        return f"{name} ended on {ended}.{hint} Map the organization to the one that follows."
    if not contract.is_active:
        return f"{name} is inactive in Autotask."
    if contract.starts_on > month.last_day:
        return f"{name} begins on {contract.starts_on:%-d %B %Y} only."
    return ""


def _period_days(anchor: date, day: date) -> int:
    """Days of the monthly period that holds `day`, of periods that begin at `anchor`."""
    months = (day.year - anchor.year) * MONTHS_OF_A_YEAR + day.month - anchor.month
    if _plus_months(anchor, months) > day:
        months -= 1
    return (_plus_months(anchor, months + 1) - _plus_months(anchor, months)).days


def _plus_months(anchor: date, months: int) -> date:
    month = Month.of_day(anchor).plus(months=months)
    return month.first_day.replace(day=min(anchor.day, month.last_day.day))
