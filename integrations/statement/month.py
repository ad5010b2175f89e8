"""The statement of a month: a row for each organization, and the rows up to the invoices."""

from dataclasses import dataclass

from billing.money import round_minor
from core.months import Month
from core.schema import require_provider_schema
from integrations.autotask.sync.desired import desired_quantities
from integrations.models import AutotaskConnection, Drift, ServiceCheck, ServiceMapping
from integrations.models.runs import Outcome
from integrations.statement.charges import Charged, Charges, charges_of
from integrations.statement.differences import Checked, Difference, Mapped, differences
from tenants.models import Organization


@dataclass(frozen=True, slots=True)
class ClientRow:
    """One organization's month. Autotask's price is that of its period, in its own currency."""

    organization_id: int
    name: str
    is_removed: bool
    count: int
    charged: Charged | None
    mapped: Mapped | None
    checked: Checked | None
    price_minor: int | None
    differences: tuple[Difference, ...]

    @property
    def margin_minor(self) -> int | None:
        """Autotask's price less the charge after credits; None where either is unknown."""
        if self.price_minor is None or self.charged is None:
            return None
        return self.price_minor - self.charged.after_credit_minor

    @property
    def needs_person(self) -> bool:
        """Whether a person has to act on a difference."""
        return any(not each.is_agreed for each in self.differences)


@dataclass(frozen=True, slots=True)
class Statement:
    """A month's rows in order of name. `charges` also has the rows that are of no organization.

    Without a connection to Autotask no row has a difference: nothing was compared.
    """

    month: Month
    charges: Charges
    is_connected: bool
    rows: tuple[ClientRow, ...]

    @property
    def currency(self) -> str:
        """The currency of the charges."""
        return self.charges.currency

    @property
    def checked(self) -> int:
        """How many services a run has read."""
        return sum(row.checked is not None and row.checked.units is not None for row in self.rows)

    @property
    def mapped(self) -> int:
        """How many organizations are mapped."""
        return sum(row.mapped is not None for row in self.rows)

    @property
    def to_decide(self) -> int:
        """How many rows a person has to act on."""
        return sum(row.needs_person for row in self.rows)

    @property
    def charged_minor(self) -> int:
        """The charges of all rows, before tax, in minor units."""
        return sum(row.charged.minor for row in self.rows if row.charged)

    @property
    def margin_minor(self) -> int:
        """The margin of the rows where price and charge are known, in minor units."""
        return sum(row.margin_minor or 0 for row in self.rows)


def statement_of(*, month: Month) -> Statement:
    """Every organization with usage, a charge or a mapping, in the current provider's schema.

    Shows the last check of the month; makes no call to Autotask.
    """
    require_provider_schema()
    quantities, _ = desired_quantities(month=month)
    charges = charges_of(month=month)
    connection = AutotaskConnection.objects.current()
    is_connected = connection is not None and connection.is_connected
    mappings = {each.organization_id: each for each in ServiceMapping.objects.living()}
    checks = _last_checks(month)
    open_drifts = Drift.objects.filter(month=month.first_day, decided_at=None)
    drifting = set(open_drifts.values_list("mapping", flat=True))
    used = {organization_id for organization_id, count in quantities.items() if count}
    charged_ids = charges.by_organization.keys()
    organizations = Organization.objects.filter(pk__in=used | charged_ids | mappings.keys())
    rows = []
    columns = organizations.order_by("name", "pk").values_list("pk", "name", "removed_at")
    for organization_id, name, removed_at in columns:
        count = quantities.get(organization_id, 0)
        charged = charges.by_organization.get(organization_id)
        mapping = mappings.get(organization_id)
        check = checks.get(mapping.pk) if mapping else None
        mapped = _mapped(mapping, month) if mapping else None
        checked = _checked(check) if check else None
        price = check.price_total if check else None
        rows.append(
            ClientRow(
                organization_id=organization_id,
                name=name,
                is_removed=removed_at is not None,
                count=count,
                charged=charged,
                mapped=mapped,
                checked=checked,
                price_minor=None if price is None else round_minor(price, charges.currency),
                differences=differences(
                    count=count,
                    invoiced=_invoiced(charged) if charges.is_issued else None,
                    month=month.first_day,
                    mapped=mapped,
                    checked=checked,
                    has_drift=mapping is not None and mapping.pk in drifting,
                )
                if is_connected
                else (),
            )
        )
    return Statement(month, charges, is_connected, tuple(rows))


def _invoiced(charged: Charged | None) -> int | None:
    """The quantity on the invoice; a share of a commitment need not be the own high-water mark."""
    return None if charged is None or charged.is_share else charged.quantity


def _last_checks(month: Month) -> dict[int, ServiceCheck]:
    """The month's last check of each mapping, by mapping id; a preview's check counts as well."""
    checks = ServiceCheck.objects.filter(month=month.first_day)
    newest = checks.order_by("mapping_id", "-checked_at", "-pk").distinct("mapping_id")
    return {check.mapping_id: check for check in newest}


def _mapped(mapping: ServiceMapping, month: Month) -> Mapped:
    is_accepted = mapping.accepted_month == month.first_day
    return Mapped(
        service=mapping.service_path,
        non_billable_users=mapping.non_billable_users,
        first_month=mapping.first_month,
        accepted_units=mapping.accepted_units if is_accepted else None,
    )


def _checked(check: ServiceCheck) -> Checked:
    return Checked(
        outcome=Outcome(check.outcome),
        reason=check.reason,
        desired=check.units_desired,
        units=check.units_after,
        at=check.checked_at,
    )
