"""Reminders: mails ahead of a card's expiry and of a contract's renewal or end, each sent once."""

from datetime import date, datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from accounts.models import Provider
from accounts.rounds import Look
from billing.contracts.billed_periods import adopt_earlier_agreement
from billing.contracts.renewals import Renewal, TermEnd, renewal_of
from billing.customer.contact_mail import mail_contacts
from billing.formatting import date_text, local_date
from billing.models import Contract, PaymentMethod, RenewalNotice
from billing.money import format_unit_price
from core.months import Month, day_starts_at
from core.operations.alerts import Cause, found_now
from core.operations.kinds import alert_kind
from core.schema import provider_schema
from tenants.models import MeteringPolicy

ENDS = alert_kind("billing.contract_ends", title="A contract ends")
STARTS = alert_kind("billing.contract_starts", title="A contract begins")


def remind(provider: Provider, now: datetime) -> Look:
    """Mail a card's expiry and a contract's renewal or end, each once; safe to repeat.

    Enters the provider's schema.
    """
    with provider_schema(provider):
        adopt_earlier_agreement(provider=provider, now=now)
        is_expiring = warn_of_expiry(provider=provider, now=now)
        notices = [
            give_notice(provider=provider, now=now),
            give_notice_of_start(provider=provider, now=now),
        ]
        warn_operations(provider=provider, now=now)
        zone = provider.billing_zone()
        day = _next_day(today=local_date(now, zone))
    return Look(
        has_changed=is_expiring or any(notices),
        again_at=day_starts_at(day=day, zone=zone) if day else None,
    )


def _next_day(*, today: date) -> date | None:
    """The next day on which time alone may bring a reminder of the current provider, or end one."""
    notice = timedelta(days=settings.RENEWAL_NOTICE_DAYS)
    days = []
    for contract in Contract.objects.all():
        renewal = renewal_of(contract, today=today)
        turns = (contract.starts_on, contract.ends_on, renewal.term.ends_on, renewal.on)
        days += [day for turn in turns if turn for day in (turn - notice, turn)]
    card = PaymentMethod.objects.current()
    if card is not None:
        days += expiry_days(card)
    return min((day for day in days if day > today), default=None)


class Expiry(StrEnum):
    """How close a card is to its last day."""

    FAR = "far"
    NEAR = "near"
    OVER = "over"


def last_day(card: PaymentMethod) -> date:
    """Return the last day on which the card is valid: the end of the month on it."""
    return Month(card.expiry_year, card.expiry_month).last_day


def expiry_of(card: PaymentMethod, *, today: date) -> Expiry:
    """NEAR from CARD_EXPIRY_NOTICE_DAYS before the last day; OVER from the day after it."""
    left = last_day(card) - today
    if left < timedelta(0):
        return Expiry.OVER
    is_near = left <= timedelta(days=settings.CARD_EXPIRY_NOTICE_DAYS)
    return Expiry.NEAR if is_near else Expiry.FAR


def expiry_days(card: PaymentMethod) -> tuple[date, date]:
    """The days on which `expiry_of` the card changes."""
    end = last_day(card)
    return end - timedelta(days=settings.CARD_EXPIRY_NOTICE_DAYS), end + timedelta(days=1)


@transaction.atomic
def warn_of_expiry(*, provider: Provider, now: datetime) -> bool:
    """Mail the billing contacts that the card expires or has expired, once for each card.

    Missed days are caught up. Days are those of the billing zone. Returns whether a mail was
    queued.
    """
    unwarned = PaymentMethod.objects.filter(replaced_at=None, expiry_mailed_at=None)
    card = unwarned.select_for_update().first()
    if card is None:
        return False
    expiry = expiry_of(card, today=local_date(now, provider.billing_zone()))
    if expiry is Expiry.FAR:
        return False
    card.expiry_mailed_at = now
    card.save(update_fields=["expiry_mailed_at"])
    has_expired = expiry is Expiry.OVER
    mail_contacts(
        "card_expiring",
        # A renewed card has another day.
        key=f"card-expiring:{card.pk}:{last_day(card)}",
        subject=f"Your {card} {'has expired' if has_expired else 'expires soon'}",
        provider=provider,
        context={
            "card": str(card),
            "last_day": date_text(last_day(card)),
            "has_expired": has_expired,
        },
        now=now,
    )
    return True


def is_near(renewal: Renewal, *, today: date) -> bool:
    """Whether the day is near enough for a notice: within RENEWAL_NOTICE_DAYS.

    Never for a monthly contract that renews, nor for one that another contract follows: both were
    agreed already.
    """
    if renewal.outcome is TermEnd.FOLLOWED:
        return False
    if renewal.outcome is TermEnd.RENEWS and renewal.contract.term == Contract.Term.MONTHLY:
        return False
    return timedelta(0) < renewal.on - today <= timedelta(days=settings.RENEWAL_NOTICE_DAYS)


@transaction.atomic
def give_notice(*, provider: Provider, now: datetime) -> RenewalNotice | None:
    """Mail that the current contract renews or ends soon, once for each such day.

    Missed days are caught up until the day itself. Days are those of the billing zone.
    """
    zone = provider.billing_zone()
    today = local_date(now, zone)
    contract = Contract.objects.current(Month.of(now, zone))
    if contract is None:
        return None
    renewal = renewal_of(contract, today=today)
    if not is_near(renewal, today=today):
        return None
    is_end = renewal.outcome is TermEnd.ENDS
    notice, is_new = RenewalNotice.objects.get_or_create(
        contract=contract, on=renewal.on, defaults={"is_end": is_end, "mailed_at": now}
    )
    if not is_new:
        return None
    day = date_text(renewal.on)
    mail_contacts(
        "contract_renewal",
        key=f"contract-renewal:{contract.pk}:{renewal.on}",
        subject=f"Your contract {'ends' if is_end else 'renews'} on {day}",
        provider=provider,
        context={
            "contract": contract,
            "day": day,
            "is_end": is_end,
            "free_users": MeteringPolicy.objects.current().free_user_limit,
            "unit": contract.unit,
            "unit_price": format_unit_price(contract.unit_price, contract.currency),
        },
        now=now,
    )
    return notice


def coming_start(*, today: date) -> Contract | None:
    """The contract that begins within RENEWAL_NOTICE_DAYS, if none covers the day before.

    One that follows another was agreed with it, and changes no allowance.
    """
    latest = today + timedelta(days=settings.RENEWAL_NOTICE_DAYS)
    contract = (
        Contract.objects.filter(starts_on__gt=today, starts_on__lte=latest)
        .order_by("starts_on")
        .first()
    )
    if contract is None or Contract.objects.current(Month.of_day(contract.starts_on).previous):
        return None
    return contract


@transaction.atomic
def give_notice_of_start(*, provider: Provider, now: datetime) -> RenewalNotice | None:
    """Mail that a contract begins soon and that the free allowance applies until then, once."""
    contract = coming_start(today=local_date(now, provider.billing_zone()))
    if contract is None:
        return None
    notice, is_new = RenewalNotice.objects.get_or_create(
        contract=contract, on=contract.starts_on, defaults={"is_end": False, "mailed_at": now}
    )
    if not is_new:
        return None
    mail_contacts(
        "contract_start",
        key=f"contract-start:{contract.pk}",
        subject=f"Your contract begins on {date_text(contract.starts_on)}",
        provider=provider,
        context={
            "contract": contract,
            "day": date_text(contract.starts_on),
            "waits_for_card": contract.billed_from is None,
            "free_users": MeteringPolicy.objects.current().free_user_limit,
            "unit": contract.unit,
            "unit_price": format_unit_price(contract.unit_price, contract.currency),
        },
        now=now,
    )
    return notice


@transaction.atomic
def warn_operations(*, provider: Provider, now: datetime) -> None:
    """Alert operations of a contract's end or beginning from RENEWAL_NOTICE_DAYS before it.

    The alert is settled when the day has come, or when another contract follows.
    """
    zone = provider.billing_zone()
    today = local_date(now, zone)
    contract = Contract.objects.current(Month.of(now, zone))
    renewal = renewal_of(contract, today=today) if contract else None
    is_ending = renewal and renewal.outcome is TermEnd.ENDS and is_near(renewal, today=today)
    start = coming_start(today=today)
    ends = [_end_cause(renewal, provider)] if renewal and is_ending else []
    starts = [_start_cause(start, provider)] if start else []
    found_now(found={ENDS: ends, STARTS: starts}, now=now)


def _end_cause(renewal: Renewal, provider: Provider) -> Cause:
    contract = renewal.contract
    return Cause(
        key=f"contract:{contract.pk}",
        summary=f"The contract of {provider.name} for {contract.package_name} ends on "
        f"{date_text(renewal.on)}, and none follows. From then on nothing is billed and the free "
        "allowance applies.",
        next_step="Agree on a contract that follows with the provider, and add it. If the provider "
        "leaves, set its leave date.",
        link=reverse("admin:billing_contract_changelist"),
    )


def _start_cause(contract: Contract, provider: Provider) -> Cause:
    effect = (
        "It lifts the free allowance then."
        if contract.billed_from
        else "It bills nothing until a card is on file."
    )
    return Cause(
        key=f"contract:{contract.pk}",
        summary=f"The contract of {provider.name} for {contract.package_name} begins on "
        f"{date_text(contract.starts_on)}. {effect}",
        next_step="Check with the provider that the date is right. The alert ends on that day.",
        link=reverse("admin:billing_contract_changelist"),
    )
