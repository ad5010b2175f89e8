"""Making contracts: pay as you go with the first card, or as operations agreed one."""

from datetime import datetime
from decimal import Decimal

from django.db import connection, transaction

from accounts.models import Package, Provider
from billing import topics
from billing.choices import ContractKind
from billing.contracts.billed_periods import update_billed_periods
from billing.contracts.offers import Offer
from billing.models import AgreementAcceptance, Contract, MonthClose, PaymentMethod
from billing.seen import ChangeRefused, require_seen, seen_token
from core.actors import Actor
from core.months import Month, day_starts_at
from core.outbox.delivery import enqueue
from tenants import audit
from usage.ledger.month_freeze import LOCK_LEDGER


class MonthsClosed(ChangeRefused):
    """The contract would begin in a closed month."""


def contracts_token() -> str:
    """The token of the current provider's contracts."""
    return seen_token("contracts", Contract.objects.count())


def begin_billing(
    *,
    provider: Provider,
    offer: Offer,
    acceptance: AgreementAcceptance,
    actor: Actor,
    now: datetime,
) -> Contract:
    """Bill usage from `now` on by the accepted contract, one agreed before or a new one.

    A new contract is pay-as-you-go and covers this month, whose earlier usage stays free. Contracts
    that begin later are billed from their beginning. Runs in the transaction of the card.
    """
    contract = _contract_of(offer) or Contract(
        kind=offer.kind,
        term=Contract.Term.MONTHLY,
        package_id=offer.package_id,
        package_name=offer.package_name,
        package_contents=offer.package_contents,
        metric=offer.metric,
        currency=offer.currency,
        unit_price=Decimal(offer.unit_price),
        starts_on=Month.of(now, provider.billing_zone()).first_day,
        automatic_limit_minor=offer.automatic_limit_minor,
        payment_terms_days=offer.payment_terms_days,
        agreed_at=acceptance.accepted_at,
        agreed_by_name=acceptance.accepted_by_name,
    )
    is_new = contract.pk is None
    contract.billed_from = now
    contract.save()
    acceptance.contract = contract
    acceptance.save(update_fields=["contract"])
    audit.record(
        actor=actor,
        action="contract.begun",
        subject=str(contract),
        after=contract.summary() | {"billed_from": now.isoformat()},
        now=now,
    )
    if is_new:
        request_contract_document(contract=contract, now=now)
    return contract


def _contract_of(offer: Offer) -> Contract | None:
    return None if offer.contract_id is None else Contract.objects.get(pk=offer.contract_id)


def bill_later_contracts(*, provider: Provider, actor: Actor, now: datetime) -> None:
    """Let a new card pay for the contracts that waited for one and begin later."""
    for contract in Contract.objects.filter(billed_from=None):
        starts_at = day_starts_at(day=contract.starts_on, zone=provider.billing_zone())
        if starts_at > now:
            contract.billed_from = starts_at
            contract.save(update_fields=["billed_from"])
    update_billed_periods(provider=provider, actor=actor, now=now)


@transaction.atomic
def agree_contract(
    *,
    provider: Provider,
    contract: Contract,
    package: Package,
    actor: Actor,
    now: datetime,
    seen: str | None = None,
) -> Contract:
    """Save a contract that operations agreed with the provider, with a copy of its package.

    It bills usage from its beginning, and lifts the free allowance then and not earlier; without a
    commitment, an invoice agreement or a card on file, only once a card pays for it. Waits for a
    running close and raises `MonthsClosed` if the contract would have billed a closed month, and
    `ChangedSince` after another contract than those `seen`.
    """
    with connection.cursor() as cursor:
        cursor.execute(LOCK_LEDGER)
    require_seen(seen, now=contracts_token(), subject="The list of contracts")
    closed = MonthClose.objects.filter(month__gte=contract.starts_on, issued_at__isnull=False)
    if closed.exists():
        raise MonthsClosed(f"{contract.starts_on:%B %Y} or a later month was closed meanwhile.")
    contract.package_id = package.pk
    contract.package_name = package.name
    contract.package_contents = package.contents
    contract.metric = package.metric
    contract.currency = provider.currency
    contract.agreed_at = now
    contract.agreed_by_name = actor.name[:200]
    is_owed = contract.kind == ContractKind.COMMITTED or contract.invoice_agreement
    if is_owed or PaymentMethod.objects.current():
        contract.billed_from = day_starts_at(day=contract.starts_on, zone=provider.billing_zone())
    contract.save()
    update_billed_periods(provider=provider, actor=actor, now=now)
    request_contract_document(contract=contract, now=now)
    audit.record(
        actor=actor,
        action="contract.agreed",
        subject=str(contract),
        after=contract.summary(),
        now=now,
    )
    return contract


def request_contract_document(*, contract: Contract, now: datetime) -> None:
    """Queue the rendering of the contract's document, once."""
    enqueue(
        topic=topics.CONTRACT_DOCUMENT,
        key=f"contract:{contract.pk}",
        payload={"contract_id": contract.pk},
        now=now,
    )
