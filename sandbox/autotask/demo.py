"""The demo customer database: the same rows, ids and amounts at every start."""

from datetime import date
from decimal import Decimal

from sandbox.autotask.periods import monthly_periods, unit_row
from sandbox.autotask.wire import Row, format_day
from sandbox.autotask.world import ApiUser, World

INTEGRATION_CODE = "MTPDEMOINTEGRATIONCODE"
FULL_USER = "api@autotask.example"
NO_COSTS_USER = "nocosts@autotask.example"
VIEW_ONLY_USER = "viewonly@autotask.example"
# Signs in to the demo rows only.
SECRET = "autotask-demo-secret"  # nosec B105

CUSTOMER, PROSPECT, VENDOR = 1, 3, 7
RECURRING_SERVICE, TIME_AND_MATERIALS = 7, 1
FIRST_DAY, LAST_DAY = date(2024, 1, 1), date(2035, 12, 31)

# The organizations of the portal's demo, so that the mapping has suggestions. Some are spelled
# differently on purpose, and one has a similar twin: a match by name needs a person.
CUSTOMERS = (
    "Alder & Finch Architects", "Beacon Dental Group", "Birchwood Legal", "Blue Heron Logistics",
    "Bright Oak Academy", "Calloway Brewing", "Cedar Ridge Clinic", "Clearwater Foods",
    "Copper Kettle Bakery", "Crestline Surveyors", "Dunmore Insurance", "Eastgate Motors",
    "Elm Street Pediatrics", "Fairhaven Credit Union", "Foxglove Interiors",
    "Granite Peak Outfitters", "Greenfield Growers", "Halcyon Studios", "Harborview Realty LLC",
    "Hollis Engineering", "Ironbridge Construction", "Juniper Wellness", "Kestrel Aviation",
    "Lakeside Veterinary", "Lanternfish Games", "Larkspur Accounting", "Maple Grove Schools",
    "Meridian Optics", "Millstone Printing", "Northside Pharmacy", "Oakhurst Manufacturing",
    "Pinewood Senior Care", "Quarry Lane Partners", "Redwood Freight", "Saltmarsh Seafood",
    "Silverline Transit", "Sparrow Hill Winery", "Stonebridge Capital", "Thornfield Theatre",
    "Willow Creek Medical",
)  # fmt: skip

# All companies: more than two pages of the largest size.
COMPANIES = 1200
_FIRST_WORDS = (
    "Amber", "Aspen", "Autumn", "Azure", "Bayside", "Brookside", "Canyon", "Cascade", "Cobalt",
    "Coral", "Crescent", "Crimson", "Cypress", "Evergreen", "Falcon", "Glacier", "Golden",
    "Hawthorn", "Hazel", "Highland", "Ivory", "Jade", "Lakeview", "Laurel", "Linden", "Magnolia",
    "Mesa", "Mulberry", "Orchard", "Pacific", "Prairie", "Raven", "Ridgeway", "Rowan", "Sable",
    "Sierra", "Summer", "Sycamore", "Timber", "Valley",
)  # fmt: skip
_SECOND_WORDS = (
    "Advisors", "Analytics", "Bakery", "Builders", "Cafe", "Consulting", "Dental", "Design",
    "Electric", "Equipment", "Events", "Farms", "Finance", "Fitness", "Foods", "Gallery",
    "Insurance", "Landscaping", "Legal", "Logistics", "Marine", "Media", "Motors", "Optics",
    "Plumbing", "Press", "Realty", "Roofing", "Textiles", "Travel",
)  # fmt: skip


def demo_world() -> World:
    """A new demo database."""
    world = World(picklists=_picklists(), resources=_resources())
    _users(world)
    _companies(world)
    _services(world)
    for index, name in enumerate(CUSTOMERS):
        _customer_contract(world, index, name)
    _odd_contracts(world)
    _tickets(world)
    return world


def add_periods(world: World, line: Row, *, units: int) -> None:
    """A unit row of a stored contract service for every period of its contract."""
    contract = world.rows["Contracts"][line["contractID"]]
    first, last = (date.fromisoformat(contract[end][:10]) for end in ("startDate", "endDate"))
    price, cost = (Decimal(line.get(key) or 0) for key in ("unitPrice", "unitCost"))
    for begin, end in monthly_periods(first, last):
        row = unit_row(line, begin, end, units=units, price=price, cost=cost)
        world.add("ContractServiceUnits", row)


def _users(world: World) -> None:
    view = {name: ["query"] for name in world.rows if name != "ContractServiceAdjustments"}
    world.add_user(ApiUser(FULL_USER, SECRET, INTEGRATION_CODE))
    world.add_user(ApiUser(NO_COSTS_USER, SECRET, INTEGRATION_CODE, can_read_costs=False))
    world.add_user(ApiUser(VIEW_ONLY_USER, SECRET, INTEGRATION_CODE, permissions=view))


def _companies(world: World) -> None:
    def company(row_id: int, name: str, kind: int, *, active: bool = True) -> None:
        row = {"id": row_id, "companyName": name, "companyType": kind, "isActive": active}
        world.add("Companies", row)

    company(0, "Summit IT Partners", CUSTOMER)
    for index, name in enumerate(CUSTOMERS):
        company(29_683_500 + index, name, CUSTOMER)
    company(29_683_600, "Willow Park Cinema", PROSPECT)
    company(29_683_601, "Crestline Distribution", VENDOR)
    company(29_683_602, "Old Mill Antiques", CUSTOMER, active=False)
    company(29_683_603, "Beacon Dental", CUSTOMER)
    for index in range(COMPANIES - len(world.rows["Companies"])):
        second, first = divmod(index, len(_FIRST_WORDS))
        company(29_684_000 + index, f"{_FIRST_WORDS[first]} {_SECOND_WORDS[second]}", CUSTOMER)


def _services(world: World) -> None:
    for row_id, name, price, cost, active in (
        (41, "Email Security", "4.50", "2.10", True),
        (42, "Endpoint Protection", "7.00", "3.25", True),
        (43, "Security Awareness Training", "2.75", "1.00", True),
        (44, "Legacy Web Filter", "1.50", "0.60", False),
    ):
        world.add("Services", {
            "id": row_id, "name": name, "periodType": 1, "isActive": active,
            "unitPrice": Decimal(price), "unitCost": Decimal(cost),
        })  # fmt: skip


def _customer_contract(world: World, index: int, name: str) -> None:
    contract = _contract(world, 3000 + index, 29_683_500 + index, f"{name}: managed services")
    _line(world, contract, 41, units=5 + (index * 7) % 40)
    if index % 3 == 0:
        _line(world, contract, 42, units=3 + (index * 5) % 30)


def _odd_contracts(world: World) -> None:
    first = 29_683_500
    _contract(world, 3100, first, "Projects by the hour", contractType=TIME_AND_MATERIALS)
    _contract(world, 3101, first + 1, "Nothing on it yet")
    _contract(world, 3102, first + 2, "Ended early", status=0)
    ended = _contract(
        world, 3103, first + 3, "Security 2024",
        endDate=format_day(date(2024, 12, 31)), renewedContractID=3104,
    )  # fmt: skip
    _line(world, ended, 43, units=12)
    renewed = _contract(
        world, 3104, first + 3, "Security 2025 onwards", startDate=format_day(date(2025, 1, 1))
    )
    _line(world, renewed, 43, units=12)
    migrated = _contract(world, 3105, first + 4, "Carried over from the old system")
    line = _line(world, migrated, 43, units=9)
    for row in world.periods_of(line["id"]):
        row["contractServiceID"] = None


def _contract(world: World, row_id: int, company: int, name: str, **changes: object) -> Row:
    row: Row = {
        "id": row_id, "companyID": company, "contractName": name, "status": 1,
        "contractType": RECURRING_SERVICE, "contractPeriodType": 1,
        "startDate": format_day(FIRST_DAY), "endDate": format_day(LAST_DAY),
    }  # fmt: skip
    return world.add("Contracts", {**row, **changes})


def _line(world: World, contract: Row, service_id: int, *, units: int) -> Row:
    service = world.rows["Services"][service_id]
    line = world.add("ContractServices", {
        "contractID": contract["id"], "serviceID": service_id,
        "unitPrice": service["unitPrice"], "unitCost": service["unitCost"],
        "internalCurrencyUnitPrice": service["unitPrice"],
    })  # fmt: skip
    add_periods(world, line, units=units)
    return line


def _tickets(world: World) -> None:
    world.next_ids["Tickets"] = 7000
    world.add("Tickets", {
        "ticketNumber": "T20240102.0001", "title": "Printer on the second floor is offline",
        "companyID": 29_683_500, "status": 5, "priority": 2, "queueID": 29_682_833, "source": 4,
        "createDate": "2024-01-02T09:00:00Z", "dueDateTime": "2024-01-03T17:00:00Z",
    })  # fmt: skip


def _resources() -> dict[int, Row]:
    return {
        29_682_885: {"isApiUser": False, "roles": [29_683_378]},
        29_682_886: {"isApiUser": False, "roles": [29_683_378, 29_683_379]},
        29_682_890: {"isApiUser": True, "roles": [29_683_378]},
    }


def _picklists() -> dict[str, dict[str, list[Row]]]:
    types = ("1:Customer", "2:Lead", "3:Prospect", "4:Dead", "7:Vendor", "8:Partner:inactive")
    return {
        "Companies": {"companyType": _picklist(*types)},
        "Contracts": {
            "contractType": _picklist("1:Time & Materials", "3:Fixed Price", "7:Recurring Service"),
            "status": _picklist("0:Inactive", "1:Active"),
            "contractPeriodType": _picklist("1:Monthly"),
        },
        "Services": {"periodType": _picklist("1:Monthly")},
        "Tickets": {
            "status": _picklist("1:New", "5:Complete", "8:In Progress", "9:Parked:inactive"),
            "priority": _picklist("4:Critical", "1:High", "2:Medium", "3:Low"),
            "queueID": _picklist("29682833:Service Desk", "29682834:Monitoring Alerts"),
            "source": _picklist("2:Phone", "4:Email", "8:Monitoring Alert"),
            "issueType": _picklist("10:Software", "11:Network"),
            "subIssueType": _picklist("136:License>10", "137:VPN>11"),
        },
    }


def _picklist(*entries: str) -> list[Row]:
    """Entries are value:label, with >parent or :inactive after the label."""
    values: list[Row] = []
    for order, entry in enumerate(entries, start=1):
        value, label, *rest = entry.split(":")
        label, _, parent = label.partition(">")
        values.append({
            "value": value, "label": label, "isDefaultValue": order == 1, "sortOrder": order,
            "parentValue": parent, "isActive": not rest, "isSystem": False,
        })  # fmt: skip
    return values
