"""Autotask's entities that the product reads, and their queries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from integrations.autotask.api.client import Client
from integrations.autotask.api.wire import Row, amount, day, number, optional_number, text

# Contract type and status are the same in every database, unlike other picklists
# (docs/facts/autotask.md, Entities).
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
        """Whether it can have services with units."""
        return self.type == RECURRING_SERVICE

    @property
    def is_active(self) -> bool:
        """Whether its status is active, apart from its dates."""
        return self.status == ACTIVE


@dataclass(frozen=True, slots=True)
class Service:
    """A product that is sold by the unit."""

    id: int
    name: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A service on a contract (ContractService). Its unit rows have the quantities."""

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
        """Whether the row's units are those of a day."""
        return self.starts_on <= day <= self.ends_on


def condition(field: str, op: str, value: Any) -> dict[str, Any]:
    """One condition of a query."""
    return {"op": op, "field": field, "value": value}


def companies_of_types(client: Client, *, types: Sequence[int], search: str = "") -> list[Company]:
    """Active companies of some types, those whose name contains a text."""
    conditions = [condition("companyType", "in", list(types)), condition("isActive", "eq", True)]
    if search:
        conditions.append(condition("companyName", "contains", search))
    return [_company(row) for row in client.query("Companies", *conditions, fields=_COMPANY)]


def companies(client: Client, *, ids: Iterable[int]) -> dict[int, Company]:
    """Companies by id, without those that do not exist. Raises `AutotaskError`, as all of these."""
    rows = _query_by_ids(client, "Companies", _COMPANY, id=ids)
    return {company.id: company for company in map(_company, rows)}


def contracts(
    client: Client, *, ids: Iterable[int] = (), company_ids: Iterable[int] = ()
) -> dict[int, Contract]:
    """Contracts by id: those with these ids, and those of these companies."""
    rows = _query_by_ids(client, "Contracts", _CONTRACT, id=ids, companyID=company_ids)
    return {contract.id: contract for contract in map(_contract, rows)}


def lines(client: Client, *, contract_ids: Iterable[int]) -> dict[int, Line]:
    """The contract services of these contracts, by id."""
    rows = _query_by_ids(client, "ContractServices", _LINE, contractID=contract_ids)
    return {line.id: line for line in map(_line, rows)}


def services(client: Client, *, ids: Iterable[int]) -> dict[int, Service]:
    """Services by id."""
    rows = _query_by_ids(client, "Services", _SERVICE, id=ids)
    return {service.id: service for service in map(_service, rows)}


def _query_by_ids(
    client: Client, entity: str, fields: list[str], **ids: Iterable[int]
) -> list[Row]:
    """The rows in which one of the named fields has one of its ids."""
    return [
        row
        for field, values in ids.items()
        for batch in _batches(values)
        for row in client.query(entity, condition(field, "in", batch), fields=fields)
    ]


def _batches(ids: Iterable[int]) -> list[list[int]]:
    """Distinct ids in lists that fit one filter."""
    distinct = sorted(set(ids))
    return [distinct[start : start + MOST_VALUES] for start in range(0, len(distinct), MOST_VALUES)]


def unit_rows(
    client: Client, *, lines: Sequence[Line], first: date, last: date
) -> dict[int, list[UnitRow]]:
    """The unit rows of each line that touch the days from `first` to `last`, oldest first.

    There is a row for every period, future ones included. A row from an old system may name no
    line: it belongs to the only line of its service on its contract.
    """
    rows_of: dict[int, list[UnitRow]] = {line.id: [] for line in lines}
    by_service = {(line.contract_id, line.service_id): line.id for line in lines}
    for line_ids in _batches(rows_of):
        contract_ids = sorted({line.contract_id for line in lines if line.id in line_ids})
        unnamed = [
            {"op": "notExist", "field": "contractServiceID"},
            condition("contractID", "in", contract_ids),
        ]
        either = [condition("contractServiceID", "in", line_ids), {"op": "and", "items": unnamed}]
        rows = client.query(
            "ContractServiceUnits",
            {"op": "or", "items": either},
            condition("startDate", "lte", last),
            condition("endDate", "gte", first),
            fields=_UNITS,
        )
        for row in map(_unit_row, rows):
            line_id = row.line_id or by_service.get((row.contract_id, row.service_id))
            if line_id in rows_of:
                rows_of[line_id].append(row)
    for rows_of_line in rows_of.values():
        rows_of_line.sort(key=lambda row: row.starts_on)
    return rows_of


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
