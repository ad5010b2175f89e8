"""What Autotask should hold for a month: each organization's billed quantity, the cost per seat."""

from collections.abc import Mapping
from decimal import Decimal

from billing.contracts import contract_for
from billing.rating import BilledMetric
from integrations.autotask.case import Wanted
from integrations.models import ServiceMapping
from usage.active_users.models import ActiveMonth
from usage.levels import high_water_marks
from usage.models import Metric
from usage.periods import Month


def wanted_of(*, month: Month) -> tuple[Mapping[int, int], Decimal | None]:
    """High-water marks by organization, of the metric that is billed, and the cost per seat.

    Where active users are billed, how many each organization had.
    The cost is the contract's unit price: what the provider itself pays for a seat; None in a month
    without a contract. One statement for all organizations.
    """
    contract = contract_for(month)
    metric = BilledMetric(contract.metric) if contract else BilledMetric.USERS
    if metric is BilledMetric.MAU:
        counts = ActiveMonth.objects.filter(month=month.first_day)
        active = dict(counts.values_list("organization_id", "count"))
        return active, contract.unit_price if contract else None
    only = None if metric is BilledMetric.GREATER else Metric(metric.value)
    marks: dict[int, int] = {}
    for level in high_water_marks(month=month, metric=only):
        known = marks.get(level.organization_id, 0)
        marks[level.organization_id] = max(known, level.high_water_mark)
    return marks, contract.unit_price if contract else None


def wanted_for(
    *, mapping: ServiceMapping, marks: Mapping[int, int], unit_cost: Decimal | None
) -> Wanted:
    """The mapping's own: the mark without the users that are not billed, never below 0."""
    mark = marks.get(mapping.organization_id, 0)
    return Wanted(units=max(0, mark - mapping.non_billable_users), unit_cost=unit_cost)
