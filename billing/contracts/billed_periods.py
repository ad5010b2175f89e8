"""The billed periods, derived from the contracts (docs/decisions/0031).

The counting triggers read them: outside a billed period the free allowance applies, from the very
instant on, whether or not a task runs at that instant. They are written with each change of a
contract, for all time ahead.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction

from accounts.models import Provider
from billing.choices import ContractKind
from billing.models import Contract
from core.actors import SYSTEM_ACTOR, Actor
from core.months import Month, day_starts_at
from tenants import audit
from tenants.models import BilledPeriod, MeteringPolicy
from usage.ledger.month_freeze import LOCK_LEDGER

Spans = dict[datetime, datetime | None]


@transaction.atomic
def update_billed_periods(*, provider: Provider, actor: Actor, now: datetime) -> None:
    """Write the periods that follow from the contracts; an unchanged one is left as it is.

    Safe to repeat. Takes the ledger lock: an addition is counted before or after the change.
    """
    with connection.cursor() as cursor:
        # A close changes the same rows: lock in its order, the ledger first.
        cursor.execute(LOCK_LEDGER)
    before: Spans = dict(
        BilledPeriod.objects.order_by("starts_at").values_list("starts_at", "ends_at")
    )
    after = periods_of(
        list(Contract.objects.order_by("starts_on")),
        zone=provider.billing_zone(),
        leaves_at=provider.leaves_at,
    )
    if before == after:
        return
    BilledPeriod.objects.filter(starts_at__in=before.keys() - after.keys()).delete()
    for starts_at, ends_at in after.items():
        BilledPeriod.objects.update_or_create(starts_at=starts_at, defaults={"ends_at": ends_at})
    audit.record(
        actor=actor,
        action="billed_periods.changed",
        subject="Billed periods",
        before={"periods": _texts(before)},
        after={"periods": _texts(after)},
        now=now,
    )


def periods_of(
    contracts: list[Contract], *, zone: ZoneInfo, leaves_at: datetime | None = None
) -> Spans:
    """The periods of these contracts, ordered by `starts_on`, with those that touch joined. Pure.

    A contract is billed from `billed_from` until its end, the beginning of the next one, or the
    instant at which the provider leaves.
    """
    periods: Spans = {}
    last: datetime | None = None
    for number, contract in enumerate(contracts):
        if contract.billed_from is None:
            continue
        following = [each.starts_on for each in contracts[number + 1 : number + 2]]
        ends = [day for day in (contract.ends_on, *following) if day is not None]
        instants = [day_starts_at(day=day, zone=zone) for day in ends]
        ends_at = min([*instants, *([leaves_at] if leaves_at else [])], default=None)
        if ends_at is not None and ends_at <= contract.billed_from:
            continue
        if last is not None and periods[last] == contract.billed_from:
            periods[last] = ends_at
        else:
            last = contract.billed_from
            periods[last] = ends_at
    return periods


def adopt_earlier_agreement(*, provider: Provider, now: datetime) -> None:
    """Give a provider whose allowance was lifted before billed periods existed its periods.

    Its contracts are billed as they were agreed: from the first day of the month in which the
    allowance was lifted. Does nothing for any other provider; safe to repeat.
    """
    policy = MeteringPolicy.objects.current()
    if policy.free_user_limit is not None or policy.free_until is None:
        return
    zone = provider.billing_zone()
    lifted = Month.of(policy.free_until, zone).starts_at(zone)
    with transaction.atomic():
        for contract in Contract.objects.filter(billed_from=None):
            starts_at = day_starts_at(day=contract.starts_on, zone=zone)
            is_owed = contract.kind == ContractKind.COMMITTED or contract.invoice_agreement
            contract.billed_from = starts_at if is_owed else max(starts_at, lifted)
            contract.save(update_fields=["billed_from"])
        update_billed_periods(provider=provider, actor=SYSTEM_ACTOR, now=now)
        policy.free_user_limit = settings.FREE_USER_ALLOWANCE
        policy.save(update_fields=["free_user_limit"])


def _texts(periods: Spans) -> list[list[str | None]]:
    return [
        [starts_at.isoformat(), ends_at.isoformat() if ends_at else None]
        for starts_at, ends_at in periods.items()
    ]
