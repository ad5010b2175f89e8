"""The cost of a new peak, shown before it is made (docs/facts/product.md, Usage)."""

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

# One statement is enough for most additions: they stay below the peak, or there is no contract.
_USAGE = """
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


def cost_of_peak(addition: Addition, now: datetime) -> NewPeak | None:
    """Return the new peak with its cost for the whole month; None if the bill stays the same.

    Takes one statement without a contract, or below the month's high-water mark.
    """
    with connection.cursor() as cursor:
        cursor.execute(_USAGE, [now, addition.organization.pk])
        rows = cursor.fetchall()
    counts = {Metric(metric): count for metric, count, *_ in rows}
    marks = {Metric(metric): mark for metric, _, mark, *_ in rows}
    has_contract = rows[0][3]
    level = counts[addition.metric] + addition.count
    if level <= marks[addition.metric] or not has_contract:
        return None
    month = Month.of(now, current_provider().billing_zone())
    contract = billed_contract(month)
    if contract is None:
        return None
    metrics = Metric(contract.metric).counted
    if addition.metric not in metrics:
        return None
    peak = max(marks[metric] for metric in metrics)
    if level <= peak:
        return None
    terms = terms_of(contract, BillingProfile.objects.current(), has_card=False)
    billed = billed_quantities(month=month, metric=terms.metric)
    quantities = {each.organization_id: each.quantity for each in billed}
    before = estimate(terms=terms, quantities=quantities.values())
    quantities[addition.organization.pk] = level
    after = estimate(terms=terms, quantities=quantities.values())
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


def _billed_units(terms: Terms, bill: Estimate) -> int:
    """Return the units billed one by one: those above the commitment, or all."""
    return max(0, bill.quantity - terms.committed_quantity)
