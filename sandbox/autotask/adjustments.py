"""Contract service adjustments: a signed change of units from a day on."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sandbox.autotask.demo import RECURRING_SERVICE
from sandbox.autotask.periods import day_of, monthly_periods, split, unit_row, with_totals
from sandbox.autotask.schema import ENTITIES
from sandbox.autotask.wire import Refused, Row, format_day
from sandbox.autotask.world import World

_ENTITY = ENTITIES["ContractServiceAdjustments"]


@dataclass(frozen=True, kw_only=True)
class _Change:
    day: date
    units: int
    price: Decimal | None
    cost: Decimal | None


def create_adjustment(world: World, body: Row, *, parent_contract: int | None) -> int:
    """Apply one adjustment completely, or refuse it and change nothing. Returns its id.

    A line that is missing from the contract is created without a word. Raises Refused.
    """
    given = _given(body, parent_contract=parent_contract)
    contract, line = _find_contract_and_line(world, given)
    change = _Change(
        day=day_of(given["effectiveDate"]),
        units=given["unitChange"],
        price=given.get("adjustedUnitPrice"),
        cost=given.get("adjustedUnitCost"),
    )
    _check_window(contract, change.day)
    if line is not None and _already_adjusted(world, line["id"], change.day):
        raise Refused("Attempt to insert duplicate data into contract_service_period")
    rows = _empty_rows(world, contract, given) if line is None else world.periods_of(line["id"])
    changed = _changed_rows(rows, change, zero_allowed=world.settings.zero_units_allowed)
    if line is None:
        line = _create_line(world, given)
    # Only the rows of a new line are missing. Rows from an old system keep their null
    # contractServiceID.
    names = {"_line": line["id"], "contractServiceID": line["id"]}
    for row in changed:
        world.add("ContractServiceUnits", row | names if row["_line"] is None else row)
    stored = {**given, "contractServiceID": line["id"], "effectiveDate": format_day(change.day)}
    return int(world.add(_ENTITY.name, stored)["id"])


def set_units(
    world: World, *, line_id: int, day: date, units: int, unit_cost: Decimal | None = None
) -> None:
    """Apply a person's edit: these units in the period of `day` and in all later ones.

    Raises Refused when the line has no such period.
    """
    rows = [row for row in world.periods_of(line_id) if day_of(row["endDate"]) >= day]
    if not rows:
        raise Refused(f"Contract service {line_id} has no period on or after {day}.", status=400)
    for row in rows:
        cost = row["_unitCost"] if unit_cost is None else unit_cost
        world.add("ContractServiceUnits", with_totals({**row, "units": units, "_unitCost": cost}))


def _given(body: Row, *, parent_contract: int | None) -> Row:
    given = _ENTITY.read_body(body)
    given.pop("id", None)
    for name in _ENTITY.required:
        if given.get(name) is None:
            raise Refused(f"Missing Required Field: {name}")
    if parent_contract is not None:
        if given.get("contractID") not in {None, parent_contract}:
            raise Refused("contractID differs from the contract in the URL.")
        given["contractID"] = parent_contract
    for name in ("adjustedUnitPrice", "adjustedUnitCost"):
        if (given.get(name) or 0) < 0:
            raise Refused(f"{name} can not be negative.")
    return given


def _find_contract_and_line(world: World, given: Row) -> tuple[Row, Row | None]:
    line = None
    if given.get("contractServiceID") is not None:
        line = world.rows["ContractServices"].get(given["contractServiceID"])
        if line is None and given.get("serviceID") is None:
            raise Refused("contractServiceID does not reference a valid ContractService.")
        if line and given.get("contractID") not in {None, line["contractID"]}:
            raise Refused("contractServiceID is not on this Contract.")
    contract_id = line["contractID"] if line else given.get("contractID")
    contract = None if contract_id is None else world.rows["Contracts"].get(contract_id)
    if contract is None:
        raise Refused("contractID does not reference a valid Contract.")
    if contract["contractType"] != RECURRING_SERVICE:
        raise Refused("Services can only be adjusted on a Recurring Service Contract.")
    given["contractID"] = contract["id"]
    return contract, line or _line_by_service(world, given)


def _line_by_service(world: World, given: Row) -> Row | None:
    if given.get("serviceID") not in world.rows["Services"]:
        raise Refused("serviceID does not reference a valid Service.")
    if given.get("allowRepeatService"):
        return None
    wanted = (given["contractID"], given["serviceID"])
    lines = world.rows["ContractServices"].values()
    return next((it for it in lines if (it["contractID"], it["serviceID"]) == wanted), None)


def _check_window(contract: Row, day: date) -> None:
    if not day_of(contract["startDate"]) <= day <= day_of(contract["endDate"]):
        raise Refused("effectiveDate must be between the start date and end date of the Contract")


def _already_adjusted(world: World, line_id: int, day: date) -> bool:
    # Two adjustments of one line and day would begin the same service period twice.
    return any(
        it["contractServiceID"] == line_id and day_of(it["effectiveDate"]) == day
        for it in world.rows[_ENTITY.name].values()
    )


def _empty_rows(world: World, contract: Row, given: Row) -> list[Row]:
    service = world.rows["Services"][given["serviceID"]]
    line = {"id": None, "contractID": contract["id"], "serviceID": service["id"]}
    price, cost = (Decimal(service.get(key) or 0) for key in ("unitPrice", "unitCost"))
    periods = monthly_periods(day_of(contract["startDate"]), day_of(contract["endDate"]))
    return [unit_row(line, first, last, units=0, price=price, cost=cost) for first, last in periods]


def _changed_rows(rows: list[Row], change: _Change, *, zero_allowed: bool) -> list[Row]:
    changed = []
    for row in rows:
        before, after = split(row, change.day)
        changed += [before] if before else []
        if after:
            changed.append(_apply(after, change, zero_allowed=zero_allowed))
    return changed


def _apply(row: Row, change: _Change, *, zero_allowed: bool) -> Row:
    units = row["units"] + change.units
    if units < 0 or (units == 0 and change.units and not zero_allowed):
        raise Refused("The total number of units of a service can not be negative or zero.")
    price = row["_unitPrice"] if change.price is None else change.price
    cost = row["_unitCost"] if change.cost is None else change.cost
    return with_totals({**row, "units": units, "_unitPrice": price, "_unitCost": cost})


def _create_line(world: World, given: Row) -> Row:
    service = world.rows["Services"][given["serviceID"]]
    return world.add("ContractServices", {
        "contractID": given["contractID"], "serviceID": service["id"],
        "unitPrice": service.get("unitPrice"), "unitCost": service.get("unitCost"),
    })  # fmt: skip
