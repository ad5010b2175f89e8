"""Billing through the real SDK at the stand-in, each test in a Stripe account of its own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.test import override_settings

from accounts.models import Provider
from billing.choices import Collection, ContractKind, InvoiceKind
from billing.gateway import client as gateway
from billing.models import Contract, Invoice, PaymentMethod
from billing.payments.cards import adopt_card, begin_card_setup, customer_of
from core.actors import Actor
from core.schema import provider_schema
from tenants.models import ManagedUser, MeteringPolicy, Organization
from tests.sandbox_fixtures import StripeStandIn

NOVEMBER = datetime(2026, 11, 1, 0, 10, tzinfo=UTC)
BILL = Actor(id=7, name="Bill")


@pytest.fixture
def stripe_api(stripe_account: StripeStandIn) -> Iterator[StripeStandIn]:
    """The stand-in as the portal's Stripe account."""
    with override_settings(
        STRIPE_API_KEY=stripe_account.secret_key, STRIPE_API_BASE=stripe_account.url
    ):
        yield stripe_account


@dataclass(frozen=True)
class Books:
    """A provider's books, with its schema entered; everything happens in October 2026."""

    provider: Provider
    stripe: StripeStandIn

    def contract(self, **changes: object) -> Contract:
        """Pay-as-you-go at 11 dollars since January, changed as asked; no free allowance."""
        MeteringPolicy.objects.update(free_user_limit=None)
        fields: dict[str, object] = {
            "kind": ContractKind.PAY_AS_YOU_GO,
            "package_id": 1,
            "package_name": "Complete",
            "metric": "users",
            "currency": "USD",
            "unit_price": Decimal("11.0000"),
            "starts_on": "2026-01-01",
            "automatic_limit_minor": 400_000,
            "payment_terms_days": 30,
        }
        return Contract.objects.create(**{**fields, **changes})

    def organization(self, *, users: int, name: str = "Acme") -> Organization:
        """An organization whose users came on 5 October."""
        organization = Organization.objects.create(
            name=name, created_at=datetime(2026, 1, 1, tzinfo=UTC)
        )
        ManagedUser.objects.bulk_create(
            ManagedUser(
                organization=organization,
                email=f"user{number}@{name}.example".lower(),
                added_at=datetime(2026, 10, 5, 9, number % 60, tzinfo=UTC),
                added_by_name="Adam",
            )
            for number in range(users)
        )
        return organization

    def card(self, card: str = "pm_card_visa") -> PaymentMethod:
        """A card on file, as a browser would have put it there, and a contract to be charged by."""
        if not Contract.objects.exists():
            self.contract()
        secret = begin_card_setup(provider=self.provider, actor=BILL)
        intent = secret.partition("_secret_")[0]
        gateway.client().v1.setup_intents.confirm(intent, {"payment_method": card})
        return adopt_card(provider=self.provider, setup_intent_id=intent, now=NOVEMBER)

    def customer(self) -> str:
        """The provider's customer at Stripe."""
        return customer_of(self.provider)

    def invoice(self, *, total_minor: int = 33_000, **changes: object) -> Invoice:
        """An issued invoice of October, without lines."""
        number = Invoice.objects.count() + 1
        fields: dict[str, object] = {
            "number": f"{self.provider.invoice_prefix}-{number:06d}",
            "kind": InvoiceKind.USAGE,
            "month": "2026-10-01",
            "collection": Collection.AUTOMATIC,
            "currency": "USD",
            "subtotal_minor": total_minor,
            "tax_rate": 0,
            "tax_minor": 0,
            "total_minor": total_minor,
            "issued_at": NOVEMBER,
            "due_date": "2026-11-01",
            "period_starts_at": datetime(2026, 10, 1, tzinfo=UTC),
            "period_ends_at": datetime(2026, 11, 1, tzinfo=UTC),
            "billing_time_zone": "UTC",
            "seller": {"name": "Seller", "email": "billing@seller.example"},
            "buyer": {"name": self.provider.name, "emails": [self.provider.contact_email]},
            "contract_summary": {},
        }
        return Invoice.objects.create(**{**fields, **changes})


@pytest.fixture
def books(north: Provider, stripe_api: StripeStandIn) -> Iterator[Books]:
    """North's books, its schema entered, rolled back afterwards."""
    with provider_schema(north):
        yield Books(provider=north, stripe=stripe_api)


@pytest.fixture
def committed_books(
    own_provider: Callable[..., Provider], stripe_api: StripeStandIn
) -> Iterator[Books]:
    """Books of a provider of the test's own, committed: for races and for killed processes."""
    provider = own_provider()
    with provider_schema(provider):
        yield Books(provider=provider, stripe=stripe_api)
