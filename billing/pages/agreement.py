"""The agreement as Billing Information shows it before a card is submitted."""

from dataclasses import dataclass
from datetime import date, datetime

from accounts.models import Provider
from billing.contracts.offers import NothingOffered, Offer, current_offer
from billing.rating.estimates import Estimate
from billing.rating.first_bill import first_bill
from core.months import Month
from tenants.models import MeteringPolicy


@dataclass(frozen=True, slots=True)
class Agreement:
    """The offer with its first bill as of now; `month` and `charge_day` are local days."""

    offer: Offer
    bill: Estimate
    month: date
    charge_day: date
    free_user_limit: int | None


def shown_agreement(*, provider: Provider, now: datetime) -> tuple[Agreement | None, str]:
    """What the next card agrees to, or else why there is nothing to agree to.

    Neither if a contract bills this month already.
    """
    try:
        offer = current_offer(provider=provider, now=now)
    except NothingOffered as refusal:
        return None, str(refusal)
    if offer is None:
        return None, ""
    month = Month.of(now, provider.billing_zone())
    agreement = Agreement(
        offer=offer,
        bill=first_bill(offer=offer),
        month=month.first_day,
        charge_day=provider.issue_date(month),
        free_user_limit=MeteringPolicy.objects.free_user_limit_at(now),
    )
    return agreement, ""
