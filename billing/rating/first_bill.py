"""An estimate of the first bill, before a card begins to pay for usage."""

from decimal import Decimal

from django.db.models import Max

from billing.choices import ContractKind
from billing.contracts.offers import Offer
from billing.rating.estimates import Estimate, estimate
from billing.rating.rate_month import Terms
from core.metrics import Metric
from usage.models import OrganizationCounter


def first_bill(*, offer: Offer) -> Estimate:
    """The bill of this month if nothing is added from now on: what each organization has now.

    The count of the moment is carried in, so the bill is never less. Active users are counted from
    the agreement on: none so far. One statement.
    """
    metric = Metric(offer.metric)
    counters = OrganizationCounter.objects.order_by().filter(metric__in=metric.counted)
    counts = counters.values("organization").annotate(quantity=Max("count"))
    terms = Terms(
        kind=ContractKind(offer.kind),
        package_name=offer.package_name,
        metric=metric,
        currency=offer.currency,
        unit_price=Decimal(offer.unit_price),
        automatic_limit_minor=offer.automatic_limit_minor,
        has_card=True,
        tax_rate=offer.tax_rate,
    )
    return estimate(terms=terms, quantities=counts.values_list("quantity", flat=True))
