"""The cost of a new peak, shown before it is made (docs/facts/product.md, Usage)."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from accounts.providers import current_provider
from billing.choices import CommitmentBasis
from billing.contracts.free_allowance import billed_contract
from billing.contracts.licenses import in_use
from billing.models import BillingProfile, Contract
from billing.money import format_money, format_unit_price
from billing.rating.billed_quantities import billed_quantities
from billing.rating.estimates import Estimate, estimate
from billing.rating.rate_month import Terms
from billing.rating.terms import terms_of
from core.metrics import Metric
from core.months import Month
from tenants.users.new_peak import Addition, NewPeak
from usage.ledger.combined_peak import combined_peak

# One statement is enough for most additions: they stay below the peak, or there is no contract. The
# last column is what the contract's commitment is compared with, "" without one.
_USAGE = """
    SELECT c.metric, c.count, coalesce(m.high_water_mark, c.count),
           (SELECT CASE WHEN b.committed_quantity IS NULL THEN '' ELSE b.commitment_basis END
            FROM billing_contract b
            WHERE b.starts_on <= p.month AND (b.ends_on IS NULL OR b.ends_on > p.month)
            ORDER BY b.starts_on DESC LIMIT 1)
    FROM (SELECT billing_time_zone,
                 date_trunc('month', %s AT TIME ZONE billing_time_zone)::date AS month
          FROM tenants_meteringpolicy WHERE id = 1) p
    JOIN usage_organizationcounter c ON c.organization_id = %s
    LEFT JOIN usage_monthlyusage m ON m.organization_id = c.organization_id AND m.metric = c.metric
        AND m.month = p.month
"""


@dataclass(frozen=True, slots=True)
class _Own:
    """The organization's counts and high-water marks of the month, before and after an addition."""

    addition: Addition
    counts: dict[Metric, int]
    marks: dict[Metric, int]

    @property
    def level(self) -> int:
        """The count of the added metric after the addition."""
        return self.counts[self.addition.metric] + self.addition.count


def cost_of_peak(addition: Addition, now: datetime) -> NewPeak | None:
    """Return the new peak with its cost for the whole month; None if the bill stays the same.

    Takes one statement without a contract, or below the month's high-water mark unless a commitment
    is compared with all organizations together.
    """
    with connection.cursor() as cursor:
        cursor.execute(_USAGE, [now, addition.organization.pk])
        rows = cursor.fetchall()
    own = _Own(
        addition,
        counts={Metric(metric): count for metric, count, *_ in rows},
        marks={Metric(metric): mark for metric, _, mark, *_ in rows},
    )
    basis = rows[0][3]
    may_be_combined = basis == CommitmentBasis.ALL_TOGETHER
    if basis is None or (own.level <= own.marks[addition.metric] and not may_be_combined):
        return None
    month = Month.of(now, current_provider().billing_zone())
    contract = billed_contract(month)
    if contract is None or addition.metric not in Metric(contract.metric).counted:
        return None
    if contract.counts_together:
        if addition.is_move and len(Metric(contract.metric).counted) == 1:
            # All organizations together count a moved member once.
            return None
        return _combined(own, contract=contract, month=month)
    return _alone(own, contract=contract, month=month)


def _alone(own: _Own, *, contract: Contract, month: Month) -> NewPeak | None:
    """The organization's own peak, which raises the sum of the peaks."""
    metrics = Metric(contract.metric).counted
    peak = max(own.marks[metric] for metric in metrics)
    if own.level <= peak:
        return None
    terms = terms_of(contract, BillingProfile.objects.current(), has_card=False)
    billed = billed_quantities(month=month, metric=terms.metric)
    quantities = {each.organization_id: each.quantity for each in billed}
    before = estimate(terms=terms, quantities=quantities.values())
    quantities[own.addition.organization.pk] = own.level
    after = estimate(terms=terms, quantities=quantities.values())
    if after.total_minor <= before.total_minor:
        return None
    return NewPeak(
        metric=own.addition.metric,
        peak=peak,
        level=own.level,
        own_level=own.level,
        added=_billed_units(terms, after) - _billed_units(terms, before),
        cost=format_money(after.total_minor - before.total_minor, terms.currency),
        unit_price=format_unit_price(terms.unit_price, terms.currency),
        cost_minor=after.total_minor - before.total_minor,
        committed=contract.committed_quantity,
        starts_overage=before.quantity <= terms.committed_quantity < after.quantity,
    )


def _combined(own: _Own, *, contract: Contract, month: Month) -> NewPeak | None:
    """The peak of all organizations together; the log is read above the commitment only."""
    terms = terms_of(contract, BillingProfile.objects.current(), has_card=False)
    present = max(own.counts[metric] for metric in terms.metric.counted)
    level = in_use(contract, month) + max(0, own.level - present)
    if level <= terms.committed_quantity:
        return None
    peak = combined_peak(month=month, metric=terms.metric).high_water_mark
    before = estimate(terms=terms, quantities=(), together=peak)
    after = estimate(terms=terms, quantities=(), together=max(peak, level))
    if after.total_minor <= before.total_minor:
        return None
    return NewPeak(
        metric=own.addition.metric,
        peak=peak,
        level=level,
        own_level=own.level,
        added=_billed_units(terms, after) - _billed_units(terms, before),
        cost=format_money(after.total_minor - before.total_minor, terms.currency),
        unit_price=format_unit_price(terms.unit_price, terms.currency),
        cost_minor=after.total_minor - before.total_minor,
        committed=contract.committed_quantity,
        starts_overage=peak <= terms.committed_quantity,
        is_combined=True,
    )


def _billed_units(terms: Terms, bill: Estimate) -> int:
    """Return the units billed one by one: those above the commitment, or all."""
    return max(0, bill.quantity - terms.committed_quantity)
