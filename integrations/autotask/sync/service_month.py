"""One service in one month: what is known, found and wanted, and whether it can be read. Pure."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from core.months import Month
from integrations.autotask.api.entities import Contract, Line, UnitRow
from integrations.choices import DatePolicy

CENT = Decimal("0.01")
MONTHS_OF_A_YEAR = 12


@dataclass(frozen=True, slots=True)
class DriftResolution:
    """A person's word on a drift: at exactly these figures, bring the units to `target`.

    `target` None is our own count.
    """

    observed_units: int
    found_cost: Decimal | None
    target: int | None

    def holds_for(self, row: UnitRow) -> bool:
        """Whether Autotask still shows exactly what the person saw."""
        return self.observed_units == row.units and self.found_cost == row.cost


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncState:
    """What we know of a mapped service. `confirmed_*` is what was last read back and agreed.

    `kept` is the month and the number of a person that stands in it.
    """

    company_id: int
    contract_id: int
    contract_name: str
    service_id: int
    service_name: str
    line_id: int
    confirmed_units: int | None = None
    confirmed_cost: Decimal | None = None
    confirmed_month: date | None = None
    kept: tuple[date, int] | None = None
    ordered: DriftResolution | None = None
    used_days: Collection[date] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What Autotask shows. `line` None is gone; `rows` are those that touch the month."""

    contract: Contract | None
    line: Line | None
    rows: tuple[UnitRow, ...] = ()
    is_ambiguous: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """The organization's billed quantity and the contracted cost per seat, None where none is."""

    units: int
    unit_cost: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceMonth:
    """All that a decision takes; `today` is the local day."""

    known: SyncState
    found: Observed
    wanted: Desired
    month: Month
    today: date
    policy: DatePolicy

    @property
    def row(self) -> UnitRow | None:
        """The row that says the month's quantity: that of the last day both have."""
        if self.found.contract is None:
            return None
        last = min(self.month.last_day, self.found.contract.ends_on)
        return next((row for row in self.found.rows if row.covers(last)), None)

    @property
    def price_total(self) -> Decimal | None:
        """What Autotask bills for the row's period."""
        return self.row.price if self.row else None

    def problem(self) -> str:
        """Why the service can't carry the quantity as it is mapped; empty where it can."""
        return next((words for words in self._problems() if words), "")

    def _problems(self) -> Iterator[str]:
        """In order: each takes for granted what the ones before it found in order."""
        name = f"The contract “{self.known.contract_name}”"
        service = f"the service “{self.known.service_name}”"
        contract, line = self.found.contract, self.found.line
        if contract is None:
            yield f"{name} is no longer in Autotask. Map the organization again."
            return
        if contract.company_id != self.known.company_id:
            yield f"{name} belongs to another company now. Map the organization again."
        if not contract.is_recurring:
            yield f"{name} is no Recurring Service contract."
        yield _window_problem(name, contract, self.month)
        if line is None or (line.contract_id, line.service_id) != (
            contract.id,
            self.known.service_id,
        ):
            # Sending anything now would silently create the service anew.
            yield f"{name} no longer has {service}. Map the organization again."
        if self.found.is_ambiguous:
            yield f"{name} has {service} twice; Autotask does not say whose the units are."
        if self.row is None:
            yield f"Autotask has no period of {service} at the end of {self.month.first_day:%B %Y}."

    def cost_agrees(self) -> bool | None:
        """Whether the row's total is what its units cost; None where it can't be seen.

        Totals are per period, and by days where a period was split; periods are months counted from
        the contract's first day.
        """
        row, contract, unit_cost = self.row, self.found.contract, self.wanted.unit_cost
        if unit_cost is None:
            return True
        if row is None or contract is None or row.cost is None:
            return None
        days = Decimal((row.ends_on - row.starts_on).days + 1)
        whole = row.units * unit_cost
        split = whole * days / _period_days(contract.starts_on, row.starts_on)
        return any(
            abs(row.cost - total.quantize(CENT, rounding=ROUND_HALF_UP)) <= CENT
            for total in (whole, split)
        )


def _window_problem(name: str, contract: Contract, month: Month) -> str:
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
    months = (day.year - anchor.year) * MONTHS_OF_A_YEAR + day.month - anchor.month
    if _plus_months(anchor, months) > day:
        months -= 1
    return (_plus_months(anchor, months + 1) - _plus_months(anchor, months)).days


def _plus_months(anchor: date, months: int) -> date:
    month = Month.of_day(anchor).plus(months=months)
    return month.first_day.replace(day=min(anchor.day, month.last_day.day))
