"""The entities: property names and types, what may be done with them, what a create needs.

The property names are those of the vendor's public Swagger description (names.json); a test
compares them with the description where it is at hand.
"""

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import Any

from sandbox.autotask.wire import Refused, Row, decode, parse_instant


class Operation(StrEnum):
    """The operations of an entity."""

    QUERY = "query"
    CREATE = "create"
    UPDATE = "update"


@dataclass(frozen=True, kw_only=True)
class Entity:
    """One entity of the API. `fields` maps each wire name (camelCase) to its type."""

    name: str
    singular: str
    fields: dict[str, str]
    operations: frozenset[Operation]
    required: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ("id",)
    lengths: dict[str, int] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)
    costs: tuple[str, ...] = ()

    def wire_name(self, name: Any) -> str:
        """The field's spelling on the wire; input case is tolerated. Raises Refused."""
        for known in self.fields:
            if known.lower() == str(name).lower():
                return known
        raise Refused(f"Unable to find {name} in the {self.singular} Entity.")

    def read_body(self, body: Row) -> Row:
        """A body's values by wire name, each of its field's type. Raises Refused."""
        given: Row = {}
        for name, value in body.items():
            if name.lower() == "userdefinedfields":
                continue
            wire_name = self.wire_name(name)
            given[wire_name] = None if value is None else self.coerce(wire_name, value)
        for name, longest in self.lengths.items():
            if len(given.get(name) or "") > longest:
                raise Refused(f"{name} exceeds the maximum length of {longest}.")
        return given

    def coerce(self, name: str, value: Any) -> Any:
        """The value as the field's type; instants stay ISO text. Raises Refused."""
        try:
            return _COERCIONS[self.fields[name]](value)
        except (ValueError, TypeError, InvalidOperation):
            raise Refused(
                f"The value of {name} in the {self.singular} Entity must be of type "
                f"{self.fields[name]}."
            ) from None


def _integer(value: Any) -> int:
    return _whole(value, bits=32)


def _long(value: Any) -> int:
    return _whole(value, bits=64)


def _whole(value: Any, *, bits: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("Not an integer.")
    number = int(value)
    if abs(number) >= 2 ** (bits - 1):
        raise ValueError("Too large.")
    return number


def _double(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise ValueError("Not a number.")
    number = Decimal(value)
    # The bound keeps a number on the wire within the digits a double holds.
    if not number.is_finite() or abs(number) >= 10**12:
        raise ValueError("Out of range.")
    return number


def _boolean(value: Any) -> bool:
    known = {"true": True, "false": False}.get(str(value).lower())
    if known is None:
        raise ValueError("Not a boolean.")
    return known


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("Not a string.")
    return value


def _datetime(value: Any) -> str:
    if not _FIRST_YEAR <= parse_instant(value).year <= _LAST_YEAR:
        raise ValueError("Out of range.")
    return str(value)


# What the database behind the API can hold, less a year for zones and periods that begin next.
_FIRST_YEAR, _LAST_YEAR = 1753, 9998

_COERCIONS = {
    "integer": _integer,
    "long": _long,
    "double": _double,
    "boolean": _boolean,
    "string": _string,
    "datetime": _datetime,
}

_NAMES: dict[str, dict[str, str]] = decode(
    Path(__file__).with_name("names.json").read_text(encoding="utf-8")
)
_QUERY_ONLY = frozenset({Operation.QUERY})

ENTITIES: dict[str, Entity] = {
    entity.name: entity
    for entity in (
        Entity(
            name="Companies",
            singular="Company",
            fields=_NAMES["Companies"],
            operations=_QUERY_ONLY,
            required=("companyName", "companyType"),
            lengths={"companyName": 100},
        ),
        Entity(
            name="Contracts",
            singular="Contract",
            fields=_NAMES["Contracts"],
            operations=_QUERY_ONLY,
            required=("companyID", "contractName", "contractType", "startDate", "endDate"),
            references={"companyID": "Companies"},
            costs=("estimatedCost",),
        ),
        Entity(
            name="Services",
            singular="Service",
            fields=_NAMES["Services"],
            operations=_QUERY_ONLY,
            required=("name", "unitPrice", "periodType"),
            costs=("unitCost",),
        ),
        Entity(
            name="ContractServices",
            singular="ContractService",
            fields=_NAMES["ContractServices"],
            operations=_QUERY_ONLY,
            required=("contractID", "serviceID"),
            references={"contractID": "Contracts", "serviceID": "Services"},
            costs=("unitCost",),
        ),
        Entity(
            name="ContractServiceUnits",
            singular="ContractServiceUnit",
            fields=_NAMES["ContractServiceUnits"],
            operations=_QUERY_ONLY,
            read_only=tuple(_NAMES["ContractServiceUnits"]),
            references={
                "contractID": "Contracts",
                "serviceID": "Services",
                "contractServiceID": "ContractServices",
            },
            costs=("cost",),
        ),
        Entity(
            name="ContractServiceAdjustments",
            singular="ContractServiceAdjustment",
            fields=_NAMES["ContractServiceAdjustments"],
            operations=frozenset({Operation.CREATE}),
            required=("effectiveDate", "unitChange"),
            references={
                "contractID": "Contracts",
                "serviceID": "Services",
                "contractServiceID": "ContractServices",
            },
        ),
        Entity(
            name="Tickets",
            singular="Ticket",
            fields=_NAMES["Tickets"],
            operations=frozenset({Operation.QUERY, Operation.CREATE, Operation.UPDATE}),
            required=("title", "companyID", "status", "priority", "dueDateTime"),
            read_only=("id", "ticketNumber", "createDate", "creatorResourceID", "lastActivityDate"),
            lengths={"title": 255, "description": 8000, "externalID": 50},
            references={"companyID": "Companies", "contractID": "Contracts"},
        ),
    )
}


def find_entity(name: str) -> Entity | None:
    """The entity of a path segment, whatever its case."""
    return next((e for e in ENTITIES.values() if e.name.lower() == name.lower()), None)
