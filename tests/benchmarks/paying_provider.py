"""The contract and the card of a benchmark's provider, in whose schema both are created."""

from datetime import date, datetime
from decimal import Decimal

from billing.choices import ContractKind
from billing.models import Contract, PaymentMethod


def pay_as_you_go(*, starts_on: date, unit_price: str, automatic_limit_minor: int) -> Contract:
    """A contract for the users in use, in US dollars, paid within 30 days."""
    return Contract.objects.create(
        kind=ContractKind.PAY_AS_YOU_GO,
        package_id=1,
        package_name="Complete",
        metric="users",
        currency="USD",
        unit_price=Decimal(unit_price),
        starts_on=starts_on,
        automatic_limit_minor=automatic_limit_minor,
        payment_terms_days=30,
    )


def default_card(*, since: datetime) -> PaymentMethod:
    """A card that is charged, saved without Stripe."""
    return PaymentMethod.objects.create(
        stripe_payment_method_id="pm_1",
        stripe_setup_intent_id="seti_1",
        brand="visa",
        last_four="4242",
        expiry_month=12,
        expiry_year=2030,
        became_default_at=since,
    )
