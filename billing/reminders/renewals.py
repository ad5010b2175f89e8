"""A contract's renewal or end, mailed ahead: once for each such day, and shown on its page."""

from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction

from accounts.models import Provider
from billing.contracts.renewals import Renewal, TermEnd, renewal_of
from billing.customer.contact_mail import mail_contacts
from billing.formatting import date_text, local_date
from billing.models import Contract, RenewalNotice
from billing.money import format_unit_price
from core.months import Month


def is_near(course: Renewal, *, today: date) -> bool:
    """Whether somebody should know now: the last RENEWAL_NOTICE_DAYS before the day.

    A monthly contract that renews is no news, nor is one that another follows: both were agreed.
    """
    if course.outcome is TermEnd.FOLLOWED:
        return False
    if course.outcome is TermEnd.RENEWS and course.contract.term == Contract.Term.MONTHLY:
        return False
    left = course.on - today
    return timedelta(0) < left <= timedelta(days=settings.RENEWAL_NOTICE_DAYS)


@transaction.atomic
def give_notice(*, provider: Provider, now: datetime) -> RenewalNotice | None:
    """Mail that the running contract renews or ends soon; once for each such day.

    Missed days are caught up until the day itself. Dates are those of the billing zone.
    """
    today = local_date(now, provider.billing_zone())
    contract = Contract.objects.current(Month.of(now, provider.billing_zone()))
    if contract is None:
        return None
    course = renewal_of(contract, today=today)
    if not is_near(course, today=today):
        return None
    is_end = course.outcome is TermEnd.ENDS
    notice, is_new = RenewalNotice.objects.get_or_create(
        contract=contract, on=course.on, defaults={"is_end": is_end, "mailed_at": now}
    )
    if not is_new:
        return None
    day = date_text(course.on)
    mail_contacts(
        "contract_renewal",
        key=f"contract-renewal:{contract.pk}:{course.on}",
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
