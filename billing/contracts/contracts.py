"""Making contracts: pay as you go with the first card, or as operations agreed one."""

from datetime import date, datetime

from django.conf import settings
from django.db import connection, transaction

from accounts.models import Package, PackagePrice
from billing import topics
from billing.choices import ContractKind
from billing.models import Contract, MonthClose
from core.actors import Actor
from core.months import Month
from core.outbox.delivery import enqueue
from tenants import audit
from tenants.models import MeteringPolicy
from usage.ledger.month_freeze import LOCK_LEDGER


class MonthsClosed(Exception):
    """The contract would begin in a closed month. The message is shown to the user."""


class NothingOffered(Exception):
    """No offered package has a price in the provider's currency."""


def begin_pay_as_you_go(
    *, month: Month, currency: str, today: date, actor: Actor, now: datetime
) -> Contract:
    """Make a contract at today's list price of the default package, from the month's first day.

    The default is the first offered package with a price in the currency. The month in which the
    first card is put on file is billed as a whole, by its high-water mark. Raises `NothingOffered`.
    """
    price = (
        PackagePrice.objects.filter(
            package__is_offered=True, currency=currency, valid_from__lte=today
        )
        .select_related("package")
        .order_by("package_id", "-valid_from")
        .first()
    )
    if price is None:
        raise NothingOffered(f"No package is offered in {currency}.")
    package: Package = price.package
    contract = Contract.objects.create(
        kind=ContractKind.PAY_AS_YOU_GO,
        term=Contract.Term.MONTHLY,
        package_id=package.pk,
        package_name=package.name,
        package_contents=package.contents,
        metric=package.metric,
        currency=currency,
        unit_price=price.unit_price,
        starts_on=month.first_day,
        automatic_limit_minor=settings.AUTOMATIC_CHARGE_LIMIT_MINOR,
        payment_terms_days=settings.INVOICE_TERMS_DAYS,
        agreed_at=now,
        agreed_by_name=actor.name[:200],
    )
    request_contract_document(contract=contract, now=now)
    return contract


@transaction.atomic
def agree_contract(
    *, contract: Contract, package: Package, currency: str, actor: Actor, now: datetime
) -> Contract:
    """Save a contract that operations agreed with the provider, with a copy of its package.

    An invoice agreement lifts the free allowance at once, as a card does. Waits for a running close
    and raises `MonthsClosed` if the contract would have billed a closed month.
    """
    with connection.cursor() as cursor:
        cursor.execute(LOCK_LEDGER)
    closed = MonthClose.objects.filter(month__gte=contract.starts_on, issued_at__isnull=False)
    if closed.exists():
        raise MonthsClosed(f"{contract.starts_on:%B %Y} or a later month was closed meanwhile.")
    contract.package_id = package.pk
    contract.package_name = package.name
    contract.package_contents = package.contents
    contract.metric = package.metric
    contract.currency = currency
    contract.agreed_at = now
    contract.agreed_by_name = actor.name[:200]
    contract.save()
    request_contract_document(contract=contract, now=now)
    audit.record(
        actor=actor,
        action="contract.agreed",
        subject=str(contract),
        after=contract.summary(),
        now=now,
    )
    if contract.invoice_agreement:
        lift_free_allowance(actor=actor, now=now)
    return contract


@transaction.atomic
def lift_free_allowance(*, actor: Actor, now: datetime) -> None:
    """Remove the limit of free users, because the provider now pays. Safe to repeat."""
    with connection.cursor() as cursor:
        # A close changes the same row: lock in its order, the ledger first.
        cursor.execute(LOCK_LEDGER)
    policy = MeteringPolicy.objects.current()
    if policy.free_user_limit is None:
        return
    limit, policy.free_user_limit = policy.free_user_limit, None
    policy.free_until = now
    policy.save(update_fields=["free_user_limit", "free_until"])
    audit.record(
        actor=actor,
        action="free_allowance.lifted",
        subject="Users per organization",
        before={"free_user_limit": limit},
        after={"free_user_limit": None},
        now=now,
    )


def request_contract_document(*, contract: Contract, now: datetime) -> None:
    """Queue the rendering of the contract's document, once."""
    enqueue(
        topic=topics.CONTRACT_DOCUMENT,
        key=f"contract:{contract.pk}",
        payload={"contract_id": contract.pk},
        now=now,
    )
