"""The agreement that the first card on file accepts: what it says, and its acceptance."""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings

from accounts.models import Package, PackagePrice, Provider
from billing.charge_limits import automatic_limit
from billing.choices import ContractKind
from billing.models import AgreementAcceptance, BillingProfile, Contract
from core.actors import Actor
from core.metrics import Metric
from core.months import Month
from tenants import audit
from tenants.models import MeteringPolicy


class NothingOffered(Exception):
    """No offered package has a price in the provider's currency."""


class AgreementChanged(Exception):
    """The agreement is not the one that was shown, or was never accepted. The message is shown."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a card that begins to pay agrees to. `contract_id` names a contract agreed before.

    `unit_price` and `tax_rate` are decimals in major units and percent. The text is that of
    `terms_version`.
    """

    kind: str
    package_id: int
    package_name: str
    package_contents: list[str]
    metric: str
    currency: str
    unit_price: Decimal
    tax_name: str
    tax_rate: Decimal
    automatic_limit_minor: int
    payment_terms_days: int
    terms_version: str
    contract_id: int | None = None

    @property
    def unit(self) -> str:
        """The short plural unit of its quantities."""
        return Metric(self.metric).short_unit

    def content(self) -> dict[str, Any]:
        """All of it as JSON values; amounts are decimal strings without trailing zeros."""
        values = asdict(self)
        for name in ("unit_price", "tax_rate"):
            values[name] = f"{values[name].normalize():f}"
        return values

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of its content: two offers with one fingerprint say the same."""
        text = json.dumps(self.content(), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def current_offer(*, provider: Provider, now: datetime) -> Offer | None:
    """What the next card on file agrees to; None if a contract bills this month already.

    A contract that operations agreed with the provider is offered as it is. Without one it is
    today's list price of the first offered package with a price in the provider's currency. Raises
    `NothingOffered`.
    """
    contract = Contract.objects.current(Month.of(now, provider.billing_zone()))
    if contract is not None and not _waits_for_card(contract):
        return None
    profile = BillingProfile.objects.current() or BillingProfile()
    tax_name, tax_rate = profile.tax_name, Decimal(profile.tax_rate)
    if contract is not None:
        return Offer(
            kind=contract.kind,
            package_id=contract.package_id,
            package_name=contract.package_name,
            package_contents=contract.package_contents,
            metric=contract.metric,
            currency=contract.currency,
            unit_price=contract.unit_price,
            tax_name=tax_name,
            tax_rate=tax_rate,
            automatic_limit_minor=contract.automatic_limit_minor,
            payment_terms_days=contract.payment_terms_days,
            terms_version=settings.TERMS_VERSION,
            contract_id=contract.pk,
        )
    price = _list_price(provider=provider, now=now)
    package: Package = price.package
    return Offer(
        kind=ContractKind.PAY_AS_YOU_GO.value,
        package_id=package.pk,
        package_name=package.name,
        package_contents=package.contents,
        metric=package.metric,
        currency=price.currency,
        unit_price=price.unit_price,
        tax_name=tax_name,
        tax_rate=tax_rate,
        automatic_limit_minor=automatic_limit(price.currency),
        payment_terms_days=settings.INVOICE_TERMS_DAYS,
        terms_version=settings.TERMS_VERSION,
    )


def accept_offer(*, offer: Offer, setup_intent_id: str, actor: Actor, now: datetime) -> None:
    """Record that a person submitted a card under this agreement."""
    AgreementAcceptance.objects.create(
        stripe_setup_intent_id=setup_intent_id,
        content=offer.content(),
        fingerprint=offer.fingerprint,
        accepted_at=now,
        accepted_by_id=actor.id,
        accepted_by_name=actor.name[:200],
    )
    audit.record(
        actor=actor,
        action="agreement.accepted",
        subject=f"{offer.package_name}, terms {offer.terms_version}",
        after=offer.content(),
        now=now,
    )


def acceptance_of(*, offer: Offer, setup_intent_id: str) -> AgreementAcceptance:
    """The acceptance of this very offer with the card. Raises `AgreementChanged` without one."""
    accepted = AgreementAcceptance.objects.filter(stripe_setup_intent_id=setup_intent_id).first()
    if accepted is None or accepted.fingerprint != offer.fingerprint:
        raise AgreementChanged(
            "The agreement has changed since you read it. Read it again and submit your card again."
        )
    return accepted


def _waits_for_card(contract: Contract) -> bool:
    """Whether the contract is billed only once a card pays for it."""
    if contract.kind == ContractKind.COMMITTED or contract.invoice_agreement:
        return False
    is_limited = MeteringPolicy.objects.current().free_user_limit is not None
    return contract.billed_from is None and is_limited


def _list_price(*, provider: Provider, now: datetime) -> PackagePrice:
    price = (
        PackagePrice.objects.filter(
            package__is_offered=True,
            currency=provider.currency,
            valid_from__lte=now.astimezone(provider.billing_zone()).date(),
        )
        .select_related("package")
        .order_by("package_id", "-valid_from")
        .first()
    )
    if price is None:
        raise NothingOffered("There is no price list in your currency yet. Please contact support.")
    return price
