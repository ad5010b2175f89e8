"""The demo's billing profiles, contracts and cards."""

from datetime import datetime

from accounts.models import Package, Provider
from billing.charge_limits import automatic_limit
from billing.choices import ContractKind
from billing.contracts.billed_periods import update_billed_periods
from billing.contracts.contracts import request_contract_document
from billing.customer.addresses import address_lines
from billing.customer.terms_of_use import accept_terms
from billing.gateway import client as gateway
from billing.models import BillingProfile, Contract
from billing.payments import cards
from core.actors import Actor, ActorKind
from core.months import Month
from mtp.demo.companies import OPERATIONS, DemoProvider


def create_profile_and_contract(
    plan: DemoProvider, provider: Provider, *, first: Month, days_to_pay: int, now: datetime
) -> None:
    """Create the billing profile and, but for one without a card, the contract from `first` on."""
    package = Package.objects.get(name=plan.package)
    BillingProfile.objects.create(
        legal_name=plan.legal_name,
        address=dict(plan.address),
        address_lines=address_lines(country=plan.country, parts=dict(plan.address)),
        country=plan.country,
        mailing_name=plan.legal_name,
        mailing_country=plan.country,
        mailing_address=dict(plan.address),
        tax_id=plan.tax_id,
        tax_name=plan.tax_name,
        tax_rate=plan.tax_rate,
        contact_emails=[plan.contact.email],
    )
    if not plan.has_card:
        return
    contract = Contract.objects.create(
        kind=ContractKind.COMMITTED if plan.committed_quantity else ContractKind.PAY_AS_YOU_GO,
        term=Contract.Term.ANNUAL if plan.committed_quantity else Contract.Term.MONTHLY,
        package_id=package.pk,
        package_name=package.name,
        package_contents=package.contents,
        metric=package.metric,
        currency=plan.currency,
        unit_price=plan.unit_price,
        committed_quantity=plan.committed_quantity,
        starts_on=first.first_day,
        billed_from=first.starts_at(provider.billing_zone()),
        automatic_limit_minor=automatic_limit(plan.currency),
        invoice_agreement=not plan.card,
        payment_terms_days=days_to_pay,
        agreed_at=now,
        agreed_by_name=OPERATIONS[0],
    )
    actor = Actor(id=None, name=OPERATIONS[0], kind=ActorKind.OPERATIONS)
    update_billed_periods(provider=provider, actor=actor, now=now)
    request_contract_document(contract=contract, now=now)


def put_card_on_file(plan: DemoProvider, provider: Provider, *, now: datetime) -> None:
    """Accept the terms of use and add a card, as a browser does."""
    accept_terms(actor=Actor(id=None, name=plan.contact.name), now=now)
    setup = gateway.client().v1.setup_intents.create(
        {
            "customer": cards.customer_of(provider),
            "payment_method": plan.card,
            "confirm": True,
            "usage": "off_session",
            "allowed_payment_method_types": ["card"],
            "metadata": {"provider": str(provider.provider_id)},
        }
    )
    cards.adopt_card(provider=provider, setup_intent_id=setup.id, now=now)
