"""Fixtures of billing: the real Stripe SDK against the stand-in, one Stripe account per test."""

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
class BillingScenario:
    """Creates contracts, organizations, cards and invoices of one provider, in October 2026.

    The schema of the provider is entered.
    """

    provider: Provider
    stripe: StripeStandIn

    def contract(self, **changes: object) -> Contract:
        """Pay-as-you-go at 11 dollars since January, with `changes`; no free allowance."""
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
        """An organization whose users were added on 5 October."""
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
        """Put a card on file like the card page does, with a contract if there is none."""
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
def scenario(north: Provider, stripe_api: StripeStandIn) -> Iterator[BillingScenario]:
    """North, with its schema entered; rolled back after the test."""
    with provider_schema(north):
        yield BillingScenario(provider=north, stripe=stripe_api)


@pytest.fixture
def committed_scenario(
    own_provider: Callable[..., Provider], stripe_api: StripeStandIn
) -> Iterator[BillingScenario]:
    """A separate provider whose rows are committed: for races and killed processes."""
    provider = own_provider()
    with provider_schema(provider):
        yield BillingScenario(provider=provider, stripe=stripe_api)
