"""Reminders: mails ahead of a card's expiry and of a contract's renewal or end, each sent once."""

from datetime import date, datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db import transaction

from accounts.models import Provider
from billing.contracts.billed_periods import adopt_earlier_agreement
from billing.contracts.renewals import Renewal, TermEnd, renewal_of
from billing.customer.contact_mail import mail_contacts
from billing.formatting import date_text, local_date
from billing.models import Contract, PaymentMethod, RenewalNotice
from billing.money import format_unit_price
from core.months import Month
from core.schema import provider_schema


def remind(*, provider: Provider, now: datetime) -> None:
    """Mail a card's expiry and a contract's renewal or end, each once; safe to repeat."""
    with provider_schema(provider):
        adopt_earlier_agreement(provider=provider, now=now)
        warn_of_expiry(provider=provider, now=now)
        give_notice(provider=provider, now=now)


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
        key=f"card-expiring:{card.pk}",
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
            "unit": contract.unit,
            "unit_price": format_unit_price(contract.unit_price, contract.currency),
        },
        now=now,
    )
    return notice
