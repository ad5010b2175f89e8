"""The statement of a month: every client's row, and what they come to."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from billing.contracts.free_allowance import billed_contract
from billing.money import round_minor
from core.months import Month
from core.schema import require_provider_schema
from integrations.autotask.sync.desired import desired_of
from integrations.models import Drift, ServiceCheck, ServiceMapping
from integrations.models.runs import Outcome
from integrations.statement.charges import Charged, charges_of
from integrations.statement.differences import Checked, Difference, Mapped, differences
from tenants.models import Organization


@dataclass(frozen=True, slots=True)
class ClientRow:
    """One organization's month. Prices of Autotask are those of its period, in its own currency."""

    organization_id: int
    name: str
    count: int
    charged: Charged | None
    mapped: Mapped | None
    checked: Checked | None
    price_minor: int | None
    differences: tuple[Difference, ...]

    @property
    def margin_minor(self) -> int | None:
        """What is left of Autotask's price; None where either side is unknown."""
        if self.price_minor is None or self.charged is None:
            return None
        return self.price_minor - self.charged.minor

    @property
    def needs_person(self) -> bool:
        """Whether a difference is nobody's decision yet."""
        return any(not each.is_agreed for each in self.differences)


@dataclass(frozen=True, slots=True)
class Statement:
    """A month's rows by name. `is_issued`: by its invoices, else by what the close would issue."""

    month: Month
    currency: str
    is_issued: bool
    rows: tuple[ClientRow, ...]

    @property
    def checked(self) -> int:
        """How many services a run has seen."""
        return sum(row.checked is not None and row.checked.units is not None for row in self.rows)

    @property
    def mapped(self) -> int:
        """How many organizations Autotask bills."""
        return sum(row.mapped is not None for row in self.rows)

    @property
    def to_decide(self) -> int:
        """How many rows are for a person."""
        return sum(row.needs_person for row in self.rows)

    @property
    def charged_minor(self) -> int:
        """What all of them cost, before tax."""
        return sum(row.charged.minor for row in self.rows if row.charged)

    @property
    def margin_minor(self) -> int:
        """What is left of those whose both sides are known."""
        return sum(row.margin_minor or 0 for row in self.rows)


def statement_of(*, month: Month) -> Statement:
    """Every organization that had, cost or was billed anything, in the current provider's schema.

    Reads what the last run of the month found: nothing is asked of Autotask.
    """
    require_provider_schema()
    contract = billed_contract(month)
    marks, _ = desired_of(month=month)
    is_issued, charges = charges_of(month=month, contract=contract)
    facts = _Facts(
        month=month,
        currency=contract.currency if contract else "USD",
        is_issued=is_issued,
        marks=marks,
        charges=charges,
        mappings={each.organization_id: each for each in ServiceMapping.objects.living()},
        checks=_last_checks(month),
        drifting=_drifting(month),
    )
    had = {organization_id for organization_id, count in marks.items() if count}
    shown = Organization.objects.filter(pk__in=had | charges.keys() | facts.mappings.keys())
    names = shown.order_by("name", "pk").values_list("pk", "name")
    rows = tuple(facts.row(organization_id, name) for organization_id, name in names)
    return Statement(month, facts.currency, is_issued, rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """All that the rows of a month are made of."""

    month: Month
    currency: str
    is_issued: bool
    marks: Mapping[int, int]
    charges: Mapping[int, Charged]
    mappings: Mapping[int, ServiceMapping]
    checks: Mapping[int, ServiceCheck]
    drifting: frozenset[int]

    def row(self, organization_id: int, name: str) -> ClientRow:
        count, charged = self.marks.get(organization_id, 0), self.charges.get(organization_id)
        mapping = self.mappings.get(organization_id)
        check = self.checks.get(mapping.pk) if mapping else None
        mapped = _mapped(mapping, self.month) if mapping else None
        checked = _checked(check) if check else None
        return ClientRow(
            organization_id=organization_id,
            name=name,
            count=count,
            charged=charged,
            mapped=mapped,
            checked=checked,
            price_minor=_minor(check.price_total, self.currency) if check else None,
            differences=differences(
                count=count,
                invoiced=charged.quantity if charged and self.is_issued else None,
                month=self.month.first_day,
                mapped=mapped,
                checked=checked,
                has_drift=mapping is not None and mapping.pk in self.drifting,
            ),
        )


def _drifting(month: Month) -> frozenset[int]:
    open_ones = Drift.objects.filter(month=month.first_day, decided_at=None)
    return frozenset(open_ones.values_list("mapping", flat=True))


def _last_checks(month: Month) -> dict[int, ServiceCheck]:
    """What was last found of each mapping for the month; a preview finds as well as a run."""
    checks = ServiceCheck.objects.filter(month=month.first_day)
    newest = checks.order_by("mapping_id", "-checked_at", "-pk").distinct("mapping_id")
    return {check.mapping_id: check for check in newest}


def _mapped(mapping: ServiceMapping, month: Month) -> Mapped:
    return Mapped(
        service=f"{mapping.company_name}, {mapping.contract_name}, {mapping.service_name}",
        non_billable_users=mapping.non_billable_users,
        first_month=mapping.first_month,
        kept_units=mapping.kept_units if mapping.kept_month == month.first_day else None,
    )


def _checked(check: ServiceCheck) -> Checked:
    return Checked(
        outcome=Outcome(check.outcome),
        reason=check.reason,
        wanted=check.units_desired,
        units=check.units_after,
        at=check.checked_at,
    )


def _minor(price: Decimal | None, currency: str) -> int | None:
    return None if price is None else round_minor(price, currency)
