"""What a new peak costs: told before the addition that makes it (docs/facts/product.md, Usage)."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from accounts.providers import current_provider
from billing.contracts.free_allowance import billed_contract
from billing.models import BillingProfile
from billing.money import format_money, format_unit_price
from billing.rating.billed_quantities import billed_quantities
from billing.rating.estimates import Estimate, estimate
from billing.rating.rate_month import Terms
from billing.rating.terms import terms_of
from core.metrics import Metric
from core.months import Month
from tenants.users.new_peak import Addition, NewPeak

# One look decides most additions: the month turns in the billing zone, which the policy keeps, and
# without a contract nothing is billed.
_STANDING = """
    SELECT c.metric, c.count, coalesce(m.high_water_mark, c.count),
           EXISTS (SELECT FROM billing_contract b
                   WHERE b.starts_on <= p.month AND (b.ends_on IS NULL OR b.ends_on > p.month))
    FROM (SELECT billing_time_zone,
                 date_trunc('month', %s AT TIME ZONE billing_time_zone)::date AS month
          FROM tenants_meteringpolicy WHERE id = 1) p
    JOIN usage_organizationcounter c ON c.organization_id = %s
    LEFT JOIN usage_monthlyusage m ON m.organization_id = c.organization_id AND m.metric = c.metric
        AND m.month = p.month
"""


@dataclass(frozen=True, slots=True)
class _Standing:
    """An organization's counts and this month's marks so far, by metric."""

    counts: dict[Metric, int]
    marks: dict[Metric, int]
    has_contract: bool


def cost_of_peak(addition: Addition, now: datetime) -> NewPeak | None:
    """The new peak with its cost for the whole month, by the contract in force; None where the
    bill stays the same. One statement where nothing is billed or the month's mark is not passed.
    """
    standing = _standing(addition, now)
    level = standing.counts[addition.metric] + addition.how_many
    if level <= standing.marks[addition.metric] or not standing.has_contract:
        return None
    month = Month.of(now, current_provider().billing_zone())
    contract = billed_contract(month)
    if contract is None:
        return None
    metrics = Metric(contract.metric).counted
    if addition.metric not in metrics:
        return None
    peak = max(standing.marks[metric] for metric in metrics)
    if level <= peak:
        return None
    terms = terms_of(contract, BillingProfile.objects.current(), has_card=False)
    before, after = _bills(terms, month, organization_id=addition.organization.pk, level=level)
    if after.total_minor <= before.total_minor:
        return None
    return NewPeak(
        metric=addition.metric,
        peak=peak,
        level=level,
        added=_billed_units(terms, after) - _billed_units(terms, before),
        cost=format_money(after.total_minor - before.total_minor, terms.currency),
        unit_price=format_unit_price(terms.unit_price, terms.currency),
        committed=contract.committed_quantity,
        starts_overage=before.quantity <= terms.committed_quantity < after.quantity,
    )


def _standing(addition: Addition, now: datetime) -> _Standing:
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, [now, addition.organization.pk])
        rows = cursor.fetchall()
    return _Standing(
        counts={Metric(metric): count for metric, count, *_ in rows},
        marks={Metric(metric): mark for metric, _, mark, *_ in rows},
        has_contract=rows[0][3],
    )


def _bills(
    terms: Terms, month: Month, *, organization_id: int, level: int
) -> tuple[Estimate, Estimate]:
    """The month as it stands, and with the organization at its new level."""
    billed = billed_quantities(month=month, metric=terms.metric)
    quantities = {each.organization_id: each.quantity for each in billed}
    before = estimate(terms=terms, quantities=quantities.values())
    quantities[organization_id] = level
    return before, estimate(terms=terms, quantities=quantities.values())


def _billed_units(terms: Terms, bill: Estimate) -> int:
    """Those that are paid for one by one: above a commitment, or all of them."""
    return max(0, bill.quantity - terms.committed_quantity)
