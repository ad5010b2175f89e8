"""A provider in the middle of a month: all that the menu and the dashboard show is there."""

from datetime import timedelta
from decimal import Decimal

from django.db import connection
from django.utils import timezone

from accounts.models import Provider
from billing.choices import Collection, ContractKind, InvoiceKind
from billing.models import BillingProfile, Contract, Invoice
from core.months import Month
from core.schema import provider_schema
from tenants.models import Alert, CapRequest, Location, MeteringPolicy, Organization
from tenants.models.alerts import Kind, Severity
from tests.providers import open_provider

ORGANIZATIONS, USERS, DEVICES = 40, 8, 3
MEMBERS = """
    INSERT INTO tenants_manageduser (organization_id, email, added_at)
        SELECT o.id, n || '@bench.example', now() - interval '40 days'
        FROM tenants_organization o, generate_series(1, %s) n;
    INSERT INTO tenants_device (organization_id, name, serial_number, added_at)
        SELECT o.id, 'Device', 'S' || n, now() - interval '40 days'
        FROM tenants_organization o, generate_series(1, %s) n
"""


def busy_provider(prefix: str) -> Provider:
    """Create one with 40 organizations, a committed contract, alerts, requests and an invoice.

    More users are in use than are committed, one invoice is open, and nothing is overdue.
    """
    provider = open_provider(canary=prefix, prefix=prefix)
    now = timezone.now()
    with provider_schema(provider):
        MeteringPolicy.objects.update(free_user_limit=None)
        organizations = Organization.objects.bulk_create(
            Organization(
                name=f"Organization {number}",
                user_cap=USERS + number if number % 2 else None,
                created_at=now - timedelta(days=60),
            )
            for number in range(ORGANIZATIONS)
        )
        with connection.cursor() as cursor:
            for statement, number in zip(MEMBERS.split(";"), (USERS, DEVICES), strict=True):
                cursor.execute(statement, [number])
        Location.objects.bulk_create(
            Location(organization=one, name="Office") for one in organizations
        )
        _contract(provider)
        _waiting(organizations)
    return provider


def _contract(provider: Provider) -> None:
    """A contract of 300 users, and the invoice of last month's overage, which is not due yet."""
    now = timezone.now()
    month = Month.of(now, provider.billing_zone())
    BillingProfile.objects.create(
        legal_name=provider.name, country="US", contact_emails=[provider.contact_email]
    )
    Contract.objects.create(
        kind=ContractKind.COMMITTED,
        term=Contract.Term.ANNUAL,
        package_id=1,
        package_name="Workforce",
        metric="users",
        currency="USD",
        unit_price=Decimal("2.40"),
        committed_quantity=300,
        starts_on="2020-01-01",
        billed_from=now - timedelta(days=60),
        automatic_limit_minor=400_000,
        payment_terms_days=30,
    )
    Invoice.objects.create(
        number=f"{provider.invoice_prefix}-000001",
        kind=InvoiceKind.OVERAGE,
        month=month.previous.first_day,
        collection=Collection.BY_INVOICE,
        currency="USD",
        subtotal_minor=4_800,
        tax_rate=0,
        tax_minor=0,
        total_minor=4_800,
        issued_at=month.starts_at(provider.billing_zone()),
        due_date=(now + timedelta(days=20)).date(),
        period_starts_at=month.previous.starts_at(provider.billing_zone()),
        period_ends_at=month.starts_at(provider.billing_zone()),
        billing_time_zone=provider.billing_time_zone,
        seller={"name": "Seller"},
        buyer={"name": provider.name},
        contract_summary={},
    )


def _waiting(organizations: list[Organization]) -> None:
    """Twelve alerts of caps, one of the licenses, and two requests for a higher cap."""
    now = timezone.now()
    Alert.objects.bulk_create(
        Alert(
            cause=f"cap:{one.pk}",
            kind=Kind.CAPS,
            severity=Severity.CRITICAL if number % 2 else Severity.WARNING,
            title=f"{one.name} is at its cap",
            organization=one,
            opened_at=now,
        )
        for number, one in enumerate(organizations[:12])
    )
    Alert.objects.create(
        cause="licenses",
        kind=Kind.LICENSES,
        severity=Severity.WARNING,
        title="More users than committed",
        opened_at=now,
    )
    CapRequest.objects.bulk_create(
        CapRequest(
            organization=one,
            cap_when_requested=one.user_cap,
            requested_cap=one.user_cap + 10,
            reason="New staff",
            requested_at=now,
            requested_by_id=1,
            requested_by_name="Otto",
        )
        for one in organizations
        if one.user_cap in (USERS + 1, USERS + 3)
    )
