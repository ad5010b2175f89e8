"""The mail of an agreement that a card has begun: what was accepted, and the first bill."""

from datetime import datetime

from accounts.models import Provider
from billing.contracts.offers import Offer
from billing.customer.contact_mail import mail_contacts
from billing.models import AgreementAcceptance
from billing.rating.first_bill import first_bill
from core.months import Month


def queue_agreement_mail(
    *, acceptance: AgreementAcceptance, offer: Offer, provider: Provider, now: datetime
) -> None:
    """Queue the mail to the billing contacts, once for each acceptance."""
    zone = provider.billing_zone()
    mail_contacts(
        "agreement",
        key=f"agreement:{acceptance.pk}",
        subject=f"Your agreement for {offer.package_name}",
        provider=provider,
        context={
            "acceptance": acceptance,
            "offer": offer,
            "bill": first_bill(offer=offer),
            "starts_at": now,
            "charge_day": provider.issue_date(Month.of(now, zone)),
            "month": Month.of(now, zone).first_day,
            "zone": zone,
        },
        now=now,
    )
