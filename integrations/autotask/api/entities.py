"""Autotask's rows as this product reads them, and the queries that find them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from integrations.autotask.api.client import Client
from integrations.autotask.api.wire import Row, amount, day, number, optional_number, text

# Contract type and status are the same in every database, unlike other picklists (facts).
RECURRING_SERVICE = 7
ACTIVE = 1
# Values in one `in` filter.
MOST_VALUES = 500


@dataclass(frozen=True, slots=True)
class Company:
    """A customer of the MSP. Id 0 is the MSP itself."""

    id: int
    name: str
    type: int | None
    is_active: bool


@dataclass(frozen=True, slots=True)
class Contract:
    """An agreement with a company, from its first to its last day."""

    id: int
    company_id: int
    name: str
    type: int | None
    status: int | None
    starts_on: date
    ends_on: date
    renewed_by_id: int | None

    @property
    def is_recurring(self) -> bool:
        """Whether services with units can be on it."""
        return self.type == RECURRING_SERVICE

    @property
    def is_active(self) -> bool:
        """Whether it is in force, its dates aside."""
        return self.status == ACTIVE


@dataclass(frozen=True, slots=True)
class Service:
    """Something sold by the unit."""

    id: int
    name: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A service on a contract (ContractService); quantities are in its unit rows."""

    id: int
    contract_id: int
    service_id: int


@dataclass(frozen=True, slots=True)
class UnitRow:
    """The units of a line from one day to another; `cost` is that span's total, None if hidden."""

    contract_id: int
    line_id: int | None
    service_id: int
    starts_on: date
    ends_on: date
    units: int
    cost: Decimal | None
    price: Decimal | None
    is_posted: bool

    def covers(self, day: date) -> bool:
        """Whether the row says what counts on a day."""
        return self.starts_on <= day <= self.ends_on


def condition(field: str, op: str, value: Any) -> dict[str, Any]:
    """One condition of a query."""
    return {"op": op, "field": field, "value": value}


def in_batches(ids: Iterable[int]) -> list[list[int]]:
    """Distinct ids in lists that fit one filter."""
    known = sorted(set(ids))
    return [known[start : start + MOST_VALUES] for start in range(0, len(known), MOST_VALUES)]


def companies_of_types(client: Client, *, types: Sequence[int], search: str = "") -> list[Company]:
    """Active companies of some types, those whose name contains a text."""
    wanted = [condition("companyType", "in", list(types)), condition("isActive", "eq", True)]
    if search:
        wanted.append(condition("companyName", "contains", search))
    return [_company(row) for row in client.query("Companies", *wanted, fields=_COMPANY)]


def companies(client: Client, *, ids: Iterable[int]) -> dict[int, Company]:
    """Companies by id; missing ones are left out."""
    return {
        company.id: company
        for portion in in_batches(ids)
        for company in map(
            _company,
            client.query("Companies", condition("id", "in", portion), fields=_COMPANY),
        )
    }


def contracts(
    client: Client, *, ids: Iterable[int] = (), company_ids: Iterable[int] = ()
) -> dict[int, Contract]:
    """Contracts by id, asked for by their own ids or by those of companies."""
    asked = [condition("id", "in", portion) for portion in in_batches(ids)]
    asked += [condition("companyID", "in", portion) for portion in in_batches(company_ids)]
    return {
        contract.id: contract
        for one in asked
        for contract in map(_contract, client.query("Contracts", one, fields=_CONTRACT))
    }


def lines(
    client: Client, *, ids: Iterable[int] = (), contract_ids: Iterable[int] = ()
) -> dict[int, Line]:
    """Contract services by id, asked for by their own ids or by those of contracts."""
    asked = [condition("id", "in", portion) for portion in in_batches(ids)]
    asked += [condition("contractID", "in", portion) for portion in in_batches(contract_ids)]
    return {
        line.id: line
        for one in asked
        for line in map(_line, client.query("ContractServices", one, fields=_LINE))
    }


def services(client: Client, *, ids: Iterable[int]) -> dict[int, Service]:
    """Services by id."""
    return {
        service.id: service
        for portion in in_batches(ids)
        for service in map(
            _service, client.query("Services", condition("id", "in", portion), fields=_SERVICE)
        )
    }


def unit_rows(
    client: Client, *, lines: Sequence[Line], first: date, last: date
) -> dict[int, list[UnitRow]]:
    """The unit rows of each line that touch some days, in order of their first day.

    Rows exist for every period, future ones too. One carried over from an old system names no line:
    it belongs to the only line of its service on its contract.
    """
    found: dict[int, list[UnitRow]] = {line.id: [] for line in lines}
    by_service = {(line.contract_id, line.service_id): line.id for line in lines}
    for portion in in_batches(found):
        contract_ids = sorted({line.contract_id for line in lines if line.id in portion})
        for row in map(_unit_row, _ask_units(client, portion, contract_ids, first, last)):
            line_id = row.line_id or by_service.get((row.contract_id, row.service_id))
            if line_id in found:
                found[line_id].append(row)
    for rows in found.values():
        rows.sort(key=lambda row: row.starts_on)
    return found


def _ask_units(
    client: Client, line_ids: list[int], contract_ids: list[int], first: date, last: date
) -> list[Row]:
    unnamed = [
        {"op": "notExist", "field": "contractServiceID"},
        condition("contractID", "in", contract_ids),
    ]
    either = [condition("contractServiceID", "in", line_ids), {"op": "and", "items": unnamed}]
    return client.query(
        "ContractServiceUnits",
        {"op": "or", "items": either},
        condition("startDate", "lte", last),
        condition("endDate", "gte", first),
        fields=_UNITS,
    )


_COMPANY = ["id", "companyName", "companyType", "isActive"]
_CONTRACT = [
    "id", "companyID", "contractName", "contractType", "status", "startDate", "endDate",
    "renewedContractID",
]  # fmt: skip
_SERVICE = ["id", "name", "isActive"]
_LINE = ["id", "contractID", "serviceID"]
_UNITS = [
    "id", "contractID", "contractServiceID", "serviceID", "startDate", "endDate", "units", "cost",
    "price", "approveAndPostDate",
]  # fmt: skip


def _company(row: Row) -> Company:
    kind = optional_number(row, "companyType")
    return Company(number(row, "id"), text(row, "companyName"), kind, row.get("isActive") is True)


def _contract(row: Row) -> Contract:
    return Contract(
        id=number(row, "id"),
        company_id=number(row, "companyID"),
        name=text(row, "contractName"),
        type=optional_number(row, "contractType"),
        status=optional_number(row, "status"),
        starts_on=day(row, "startDate"),
        ends_on=day(row, "endDate"),
        renewed_by_id=optional_number(row, "renewedContractID"),
    )


def _service(row: Row) -> Service:
    return Service(number(row, "id"), text(row, "name"), row.get("isActive") is not False)


def _line(row: Row) -> Line:
    return Line(number(row, "id"), number(row, "contractID"), number(row, "serviceID"))


def _unit_row(row: Row) -> UnitRow:
    return UnitRow(
        contract_id=number(row, "contractID"),
        line_id=optional_number(row, "contractServiceID"),
        service_id=number(row, "serviceID"),
        starts_on=day(row, "startDate"),
        ends_on=day(row, "endDate"),
        units=number(row, "units"),
        cost=amount(row, "cost"),
        price=amount(row, "price"),
        is_posted=row.get("approveAndPostDate") is not None,
    )
