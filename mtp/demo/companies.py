"""The demo's providers, their organizations, and the logins of their administrators."""

import csv
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

from accounts.roles import Role

PASSWORD = "portal-demo-2026"  # noqa: S105 - printed by `make up`, for a demo on one machine


class Arrears(StrEnum):
    """How far behind a provider is with its payments, as `make up` prints it beside the logins."""

    NONE = ""
    THIRTY_DAYS = "30 days late"
    SUSPENDED = "suspended"


@dataclass(frozen=True)
class Login:
    """A user of the portal, with the demo's password."""

    name: str
    email: str
    role: Role
    organization: str = ""


@dataclass(frozen=True)
class DemoOrganization:
    """An organization: users at the start and now, and how far its cap is above the latter."""

    name: str
    domain: str
    users_at_start: int
    users_now: int
    users_below_cap: int | None = None


@dataclass(frozen=True)
class DemoProvider:
    """A provider, with its contract and billing details."""

    name: str
    legal_name: str
    prefix: str
    time_zone: str
    currency: str
    country: str
    address: tuple[tuple[str, str], ...]
    tax_id: str
    unit_price: Decimal
    months: int
    organizations: tuple[DemoOrganization, ...]
    logins: tuple[Login, ...]
    package: str = "Workforce"
    committed_quantity: int | None = None
    tax_name: str = ""
    tax_rate: Decimal = Decimal(0)
    has_card: bool = True
    closes_last_month: bool = True
    arrears: Arrears = Arrears.NONE

    @property
    def zone(self) -> ZoneInfo:
        """The billing time zone."""
        return ZoneInfo(self.time_zone)

    @property
    def card(self) -> str:
        """The card at the stand-in of Stripe; empty for one that pays by transfer, or not yet."""
        if not self.has_card or self.arrears is Arrears.THIRTY_DAYS:
            return ""
        return "pm_card_chargeCustomerFail" if self.arrears is Arrears.SUSPENDED else "pm_card_visa"

    @property
    def actors(self) -> list[str]:
        """Names of the administrators who add and remove users."""
        return [login.name for login in self.logins if login.role != Role.READ_ONLY]

    @property
    def contact(self) -> Login:
        """The contact that organization admins see."""
        return next(login for login in self.logins if login.role == Role.BILLING_ADMIN)


def _domain(name: str) -> str:
    letters = "".join(letter for letter in name.lower() if letter.isalnum())
    return f"{letters}.example"


def _organizations() -> tuple[DemoOrganization, ...]:
    with (Path(__file__).parent / "organizations.csv").open(newline="") as lines:
        return tuple(
            DemoOrganization(
                name=row["name"],
                domain=_domain(row["name"]),
                users_at_start=int(row["users_at_start"]),
                users_now=int(row["users_now"]),
                users_below_cap=int(row["users_below_cap"]) if row["users_below_cap"] else None,
            )
            for row in csv.DictReader(lines)
        )


def _few(*rows: tuple[str, int, int]) -> tuple[DemoOrganization, ...]:
    return tuple(DemoOrganization(name, _domain(name), start, now) for name, start, now in rows)


DEMO = DemoProvider(
    name="Summit Managed IT",
    legal_name="Summit Managed IT, LLC",
    prefix="DEMO",
    time_zone="America/Denver",
    currency="USD",
    country="US",
    address=(
        ("street_address", "1200 Larimer Street, Suite 400"),
        ("city", "Denver"),
        ("country_area", "CO"),
        ("postal_code", "80204"),
    ),
    tax_id="84-5550123",
    unit_price=Decimal("2.40"),
    months=14,
    closes_last_month=False,
    organizations=_organizations(),
    logins=(
        Login("Olivia Reyes", "owner@demo.example", Role.OWNER),
        Login("Ben Whitaker", "billing@demo.example", Role.BILLING_ADMIN),
        Login("Ada Lindqvist", "admin@demo.example", Role.ADMIN),
        Login("Ravi Nair", "readonly@demo.example", Role.READ_ONLY),
        Login("Grace Okafor", "org@demo.example", Role.ORGANIZATION_ADMIN, "Bright Oak Academy"),
    ),
)

HAFEN = DemoProvider(
    name="Hafen IT Service",
    legal_name="Hafen IT Service GmbH",
    prefix="HAFEN",
    time_zone="Europe/Berlin",
    currency="EUR",
    country="DE",
    address=(
        ("street_address", "Am Sandtorkai 12"),
        ("city", "Hamburg"),
        ("postal_code", "20457"),
    ),
    tax_id="DE136695976",
    tax_name="VAT",
    tax_rate=Decimal(19),
    unit_price=Decimal("2.20"),
    has_card=False,
    months=2,
    organizations=_few(
        ("Elbe Spedition", 6, 9), ("Kontor Steuerberatung", 4, 7), ("Speicher Kaffee", 8, 10)
    ),
    logins=(
        Login("Jana Petersen", "owner@hafen.example", Role.OWNER),
        Login("Lars Brandt", "billing@hafen.example", Role.BILLING_ADMIN),
    ),
)

CASCADE = DemoProvider(
    name="Cascade Networks",
    legal_name="Cascade Networks, Inc.",
    prefix="CASC",
    time_zone="America/Los_Angeles",
    currency="USD",
    country="US",
    address=(
        ("street_address", "88 Pine Street"),
        ("city", "Seattle"),
        ("country_area", "WA"),
        ("postal_code", "98101"),
    ),
    tax_id="91-5550188",
    package="Workforce Premium",
    unit_price=Decimal("6.50"),
    committed_quantity=500,
    months=3,
    organizations=_few(
        ("Alki Outfitters", 60, 66),
        ("Ballard Shipwrights", 118, 124),
        ("Fremont Foundry", 80, 84),
        ("Magnolia Clinics", 94, 101),
        ("Wallingford Press", 104, 105),
    ),
    logins=(
        Login("Tessa Morgan", "owner@cascade.example", Role.OWNER),
        Login("Noah Kim", "billing@cascade.example", Role.BILLING_ADMIN),
    ),
)

WILLAMETTE = DemoProvider(
    name="Willamette IT Group",
    legal_name="Willamette IT Group, LLC",
    prefix="WILL",
    time_zone="America/Los_Angeles",
    currency="USD",
    country="US",
    address=(
        ("street_address", "310 SW Salmon Street"),
        ("city", "Portland"),
        ("country_area", "OR"),
        ("postal_code", "97204"),
    ),
    tax_id="93-5550147",
    unit_price=Decimal("2.40"),
    months=3,
    arrears=Arrears.THIRTY_DAYS,
    organizations=_few(
        ("Hawthorne Bikes", 14, 18), ("Sellwood Dental", 9, 12), ("St. Johns Logistics", 22, 25)
    ),
    logins=(
        Login("Maya Torres", "owner@willamette.example", Role.OWNER),
        Login("Eli Larsen", "billing@willamette.example", Role.BILLING_ADMIN),
        Login("June Park", "admin@willamette.example", Role.ADMIN),
    ),
)

WASATCH = DemoProvider(
    name="Wasatch Managed Services",
    legal_name="Wasatch Managed Services, Inc.",
    prefix="WASA",
    time_zone="America/Denver",
    currency="USD",
    country="US",
    address=(
        ("street_address", "75 South Main Street"),
        ("city", "Salt Lake City"),
        ("country_area", "UT"),
        ("postal_code", "84111"),
    ),
    tax_id="87-5550162",
    unit_price=Decimal("2.40"),
    months=3,
    arrears=Arrears.SUSPENDED,
    organizations=_few(("Sugar House Bakery", 11, 13), ("Bonneville Surveying", 20, 24)),
    logins=(
        Login("Owen Price", "owner@wasatch.example", Role.OWNER),
        Login("Lena Fox", "billing@wasatch.example", Role.BILLING_ADMIN),
        Login("Theo Marsh", "admin@wasatch.example", Role.ADMIN),
    ),
)

PROVIDERS = (DEMO, HAFEN, CASCADE, WILLAMETTE, WASATCH)
OPERATIONS = ("Sam Ellery", "operations@demo.example")
