"""No route gives a provider data of another provider. New routes are included automatically.

A route with a new parameter fails these tests until `ROWS_BY_PARAMETER` has a row for it.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from accounts.models import ApiKey, Invitation, Provider, User
from accounts.providers import current_provider
from accounts.roles import Role
from billing.choices import Collection, InvoiceKind
from billing.models import (
    ChargeOrder,
    Contract,
    CreditNote,
    DataExport,
    Invoice,
    Payment,
    PaymentMethod,
)
from core.actors import SYSTEM_ACTOR
from core.schema import provider_schema
from integrations.models import Drift, ServiceMapping, SyncRun
from tenants import audit
from tenants.access import IMPERSONATED_ORGANIZATION_KEY
from tenants.alerts import raise_alert
from tenants.alerts.rules import Condition
from tenants.models import (
    BulkAction,
    CapRequest,
    Device,
    ImportRun,
    Location,
    ManagedUser,
    Organization,
    SavedView,
    SupportCase,
    UserAlias,
)
from tenants.models.alerts import Kind, Severity
from tests.personas import CANARIES, Personas, create_persona
from tests.routes import Route, all_routes, without_tokens

CANARY = CANARIES["north"]
MISSING = 987_654_321
NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


def make_case() -> SupportCase:
    return SupportCase.objects.create(
        subject=CANARY,
        opened_at=NOON,
        opened_by_id=1,
        opened_by_name=CANARY,
        opened_by_email=f"{CANARY}@case.example".lower(),
        changed_at=NOON,
    )


def make_invoice(organization: Organization) -> Invoice:
    invoice = Invoice.objects.create(
        number=f"{CANARY}-000001",
        kind=InvoiceKind.USAGE,
        month=date(2026, 3, 1),
        collection=Collection.AUTOMATIC,
        currency="USD",
        subtotal_minor=100,
        tax_rate=Decimal(0),
        tax_minor=0,
        total_minor=100,
        issued_at=NOON,
        due_date=date(2026, 3, 1),
        period_starts_at=NOON,
        period_ends_at=NOON,
        billing_time_zone="UTC",
        seller={"name": "Seller", "address_lines": []},
        buyer={"name": CANARY, "address_lines": []},
        contract_summary={"package_name": CANARY},
    )
    invoice.lines.create(
        position=1, kind="usage", description=CANARY, quantity=1, unit_price=1, amount_minor=100
    )
    return invoice


def make_credit_note(organization: Organization) -> CreditNote:
    invoice = Invoice.objects.first() or make_invoice(organization)
    return CreditNote.objects.create(
        number=f"{CANARY}-CN-000001",
        invoice=invoice,
        currency="USD",
        subtotal_minor=50,
        tax_rate=0,
        tax_minor=0,
        total_minor=50,
        reason=CANARY,
        issued_at=NOON,
        billing_time_zone="UTC",
        seller=invoice.seller,
        buyer=invoice.buyer,
    )


def make_card(organization: Organization) -> PaymentMethod:
    return PaymentMethod.objects.create(
        stripe_payment_method_id="pm_canary",
        stripe_setup_intent_id="seti_canary",
        brand=CANARY,
        last_four="4242",
        expiry_month=12,
        expiry_year=2040,
        became_default_at=NOON,
    )


def make_mapping(organization: Organization) -> ServiceMapping:
    return ServiceMapping.objects.create(
        organization=organization,
        company_id=1,
        company_name=CANARY,
        contract_id=1,
        contract_name=CANARY,
        service_id=1,
        service_name=CANARY,
        contract_service_id=1,
        first_month=date(2026, 3, 1),
        created_at=NOON,
        created_by_name=CANARY,
    )


def make_drift(organization: Organization) -> Drift:
    return Drift.objects.create(
        mapping=make_mapping(organization),
        month=date(2026, 3, 1),
        expected_units=1,
        observed_units=2,
        persons_units=2,
        desired_units=1,
        detected_at=NOON,
    )


def make_bulk_action(organization: Organization) -> BulkAction:
    """An action that the provider's owner started on the organization's own pages."""
    owner = User.objects.filter(provider=current_provider()).earliest("pk")
    return BulkAction.objects.create(
        kind=BulkAction.Kind.ORGANIZATIONS,
        verb=BulkAction.Verb.ARCHIVE,
        organization=organization,
        back_url=f"/{CANARY}/",
        started_at=NOON,
        started_by_id=owner.pk,
        started_by_name=owner.name,
    )


GUID = "7d5d2a3e-0000-4000-8000-000000000001"
ROWS_BY_PARAMETER: dict[str, Callable[[Organization], object]] = {
    "organization_id": lambda organization: organization,
    "user_id": lambda organization: ManagedUser.objects.create(
        organization=organization, email=f"u@{CANARY}.example".lower(), name=f"Ursula {CANARY}"
    ),
    "device_id": lambda organization: Device.objects.create(
        organization=organization, name=f"Laptop {CANARY}", serial_number=CANARY
    ),
    "link_id": lambda organization: organization.links.create(
        label=f"Wiki {CANARY}", url=f"https://wiki.{CANARY}.example/".lower()
    ),
    "bulk_action_id": make_bulk_action,
    "location_id": lambda organization: Location.objects.create(
        organization=organization, name=f"Lager {CANARY}", address=CANARY
    ),
    "invoice_id": make_invoice,
    # Of the invoice of "invoice_id".
    "payment_id": lambda _: Invoice.objects.earliest("pk").payments.create(
        method=Payment.Method.BANK_TRANSFER, amount_minor=100, currency="USD", received_at=NOON
    ),
    "note_id": make_credit_note,
    "card_id": make_card,
    # With the card of "card_id".
    "order_id": lambda _: ChargeOrder.objects.create(
        card=PaymentMethod.objects.earliest("pk"),
        invoices_to_charge=[Invoice.objects.earliest("pk").pk],
        seen="0" * 40,
        ordered_at=NOON,
        ordered_by_name=CANARY,
    ),
    "administrator_id": lambda _: User.objects.get(
        provider=current_provider(), role=Role.BILLING_ADMIN
    ),
    "admin_id": lambda organization: create_persona(
        provider=current_provider(),
        role=Role.ORGANIZATION_ADMIN,
        name=f"Anna {CANARY}",
        email=f"anna@{CANARY}.example".lower(),
        organization_id=organization.pk,
    ),
    "invitation_id": lambda _: Invitation.objects.create(
        provider=current_provider(),
        email=f"ida@{CANARY}.example".lower(),
        name=f"Ida {CANARY}",
        role=Role.ADMIN,
        digest="0" * 64,
        sent_at=NOON,
        expires_at=NOON,
    ),
    "key_id": lambda _: ApiKey.objects.create(
        provider=current_provider(),
        prefix=CANARY,
        digest="0" * 64,
        created_at=NOON,
    ),
    "view_id": lambda _: SavedView.objects.create(
        # The Owner, or who else there is.
        user_id=User.objects.filter(provider=current_provider()).latest("role").pk,
        name=CANARY,
        query="q=a",
    ),
    "case_id": lambda _organization: make_case(),
    "cap_request_id": lambda organization: CapRequest.objects.create(
        organization=organization,
        cap_when_requested=2,
        requested_cap=5,
        reason=CANARY,
        requested_at=NOON,
        requested_by_id=1,
        requested_by_name=f"Otto {CANARY}",
    ),
    "contract_id": lambda _: Contract.objects.create(
        kind="pay_as_you_go",
        package_id=1,
        package_name=CANARY,
        metric="users",
        currency="USD",
        unit_price=1,
        starts_on="2026-01-01",
        automatic_limit_minor=1,
        payment_terms_days=30,
    ),
    "export_id": lambda _: DataExport.objects.create(
        requested_at=NOON,
        requested_by_name=CANARY,
        finished_at=NOON,
        expires_at=NOON + timedelta(days=36_500),
    ),
    "entry_id": lambda organization: audit.record(
        actor=SYSTEM_ACTOR,
        action="user.changed",
        subject=f"entry@{CANARY}.example",
        organization=organization,
        now=NOON,
    ),
    "alert_id": lambda organization: raise_alert(
        condition=Condition(
            cause="vpn",
            kind=Kind.SERVICE,
            severity=Severity.WARNING,
            title=f"VPN of {CANARY}",
            organization_id=organization.pk,
        ),
        now=NOON,
    ),
    "drift_id": make_drift,
    "sync_run_id": lambda _: SyncRun.objects.create(
        kind=SyncRun.Kind.MANUAL,
        day=date(2026, 3, 2),
        requested_by_name=CANARY,
        created_at=NOON,
        failure=CANARY,
    ),
    # Of the user of "user_id".
    "alias_id": lambda organization: UserAlias.objects.create(
        organization=organization,
        user=ManagedUser.objects.filter(organization=organization).earliest("pk"),
        kind=UserAlias.Kind.ADDRESS,
        text=f"former@{CANARY}.example",
        key=f"former@{CANARY}.example",
    ),
    # Two rows of one person, whose id is written in two ways.
    "earlier_id": lambda organization: ManagedUser.objects.create(
        organization=organization, email=f"one@{CANARY}.example", external_id=GUID.upper()
    ),
    "later_id": lambda organization: ManagedUser.objects.create(
        organization=organization, email=f"two@{CANARY}.example", external_id=GUID
    ),
    "run_id": lambda organization: ImportRun.objects.create(
        organization=organization,
        file_name=f"{CANARY}.csv",
        kind=ImportRun.Kind.USERS,
        content=f"email\nann@{CANARY}.example".encode(),
        lines=1,
        started_at=NOON,
    ),
}
# Parameters that identify no row.
VALUES_BY_PARAMETER = {"month": "2026-03", "position": 1}


@pytest.fixture
def north_ids(north: Provider, south: Provider) -> dict[str, Any]:
    """Ids of rows of north, one for each parameter of routes; south has other rows."""
    with provider_schema(south):
        own = Organization.objects.create(name="Southern Bakery")
        ManagedUser.objects.create(organization=own, email="u@southern.example")
    with provider_schema(north):
        organization = Organization.objects.create(name=f"Bakery {CANARY}")
        rows = {name: make(organization).pk for name, make in ROWS_BY_PARAMETER.items()}
    return rows | VALUES_BY_PARAMETER


def provider_routes() -> Iterator[Route]:
    """Routes that work in a provider's schema."""
    return (route for route in all_routes() if route.names_policy and route.view.policy.permissions)


def test_every_route_parameter_has_a_row_of_another_provider() -> None:
    unknown = {name for route in provider_routes() for name in route.parameters}
    assert unknown <= set(ROWS_BY_PARAMETER) | set(VALUES_BY_PARAMETER)


def test_rows_of_another_provider_answer_like_missing_rows(
    client: Client, people: Personas, north_ids: dict[str, Any]
) -> None:
    client.force_login(people.sofia)
    for route in provider_routes():
        if not route.parameters:
            continue
        statuses = set()
        names_row = bool(set(route.parameters) - set(VALUES_BY_PARAMETER))
        for method in (client.get, client.post):
            foreign = method(route.url(north_ids))
            missing = method(route.url(dict.fromkeys(north_ids, MISSING) | VALUES_BY_PARAMETER))
            assert foreign.status_code == missing.status_code, route
            assert foreign.status_code in (404, 405) or not names_row, route
            assert without_tokens(foreign.text) == without_tokens(missing.text), route
            assert CANARY.lower() not in foreign.text.lower(), route
            statuses.add(foreign.status_code)
        assert 404 in statuses or not names_row, route


def test_the_owner_of_the_rows_can_open_every_route(
    client: Client, people: Personas, north_ids: dict[str, Any]
) -> None:
    client.force_login(people.olive)
    client.get(f"/organizations/{north_ids['organization_id']}/")
    impersonate(client, north_ids["organization_id"])
    for route in provider_routes():
        if route.parameters:
            assert client.get(route.url(north_ids)).status_code in (200, 202, 302, 405), route


def test_no_page_of_south_contains_the_canary_of_north(
    client: Client, people: Personas, north_ids: dict[str, Any]
) -> None:
    visitor = Client()
    for user, impersonated in ((people.olive, north_ids["organization_id"]), (people.sofia, None)):
        visitor.force_login(user)
        if impersonated:
            impersonate(visitor, impersonated)
        for route in provider_routes():
            if route.parameters:
                continue
            response = visitor.get(route.url({}))
            if user == people.sofia:
                text = b"".join(response) if response.streaming else response.content
                assert CANARY.lower().encode() not in text.lower(), route


def test_an_organization_of_another_provider_cannot_be_impersonated(
    client: Client, people: Personas, north_ids: dict[str, Any]
) -> None:
    client.force_login(people.sofia)
    assert (
        client.post(f"/organizations/{north_ids['organization_id']}/impersonate/").status_code
        == 404
    )
    # A forged session does not help: this schema has no organization with the id.
    impersonate(client, north_ids["organization_id"])
    for route in provider_routes():
        if route.pattern.startswith("organization/") and not route.parameters:
            response = client.get(route.url({}))
            assert response.status_code in (404, 405), route
            assert CANARY.lower() not in response.text.lower(), route


def impersonate(client: Client, organization_id: int) -> None:
    session = client.session
    session[IMPERSONATED_ORGANIZATION_KEY] = organization_id
    session.save()
