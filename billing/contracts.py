"""Which contract holds for a month, and the one that a first card brings."""

from datetime import date

from django.conf import settings
from django.db.models import Q

from accounts.models import Package, PackagePrice
from billing.models import Contract
from usage.periods import Month


class NothingOffered(Exception):
    """No offered package has a price in the provider's currency."""


def contract_for(month: Month) -> Contract | None:
    """The contract in force on the month's first day; it bills the whole month."""
    day = month.first_day
    return (
        Contract.objects.filter(Q(ends_on=None) | Q(ends_on__gt=day), starts_on__lte=day)
        .order_by("-starts_on")
        .first()
    )


def begin_pay_as_you_go(*, month: Month, currency: str, today: date) -> Contract:
    """A contract at today's list price of the default package, from the month's first day.

    The default is the first offered package with a price in the currency. The month in which a
    provider gives a card is billed as a whole, at its high-water mark. Raises `NothingOffered`.
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
    return Contract.objects.create(
        kind=Contract.Kind.PAY_AS_YOU_GO,
        package_id=package.pk,
        package_name=package.name,
        package_contents=package.contents,
        metric=package.metric,
        currency=currency,
        unit_price=price.unit_price,
        starts_on=month.first_day,
        automatic_limit_minor=settings.AUTOMATIC_CHARGE_LIMIT_MINOR,
        payment_terms_days=settings.INVOICE_TERMS_DAYS,
    )
