"""What Autotask should hold for a month: each organization's billed quantity, the cost per seat."""

from collections.abc import Mapping
from decimal import Decimal

from billing.models import Contract
from billing.rating.billed_quantities import billed_quantities
from core.metrics import Metric
from core.months import Month
from integrations.autotask.sync.service_month import Desired
from integrations.models import ServiceMapping


def desired_of(*, month: Month) -> tuple[Mapping[int, int], Decimal | None]:
    """The billed quantity by organization, and the cost per seat.

    The cost is the contract's unit price: what the provider itself pays for a seat; None in a month
    without a contract. One statement for all organizations.
    """
    contract = Contract.objects.current(month)
    metric = Metric(contract.metric) if contract else Metric.USERS
    billed = billed_quantities(month=month, metric=metric)
    marks = {each.organization_id: each.quantity for each in billed}
    return marks, contract.unit_price if contract else None


def desired_for(
    *, mapping: ServiceMapping, marks: Mapping[int, int], unit_cost: Decimal | None
) -> Desired:
    """The mapping's own: the mark without the users that are not billed, never below 0."""
    mark = marks.get(mapping.organization_id, 0)
    return Desired(units=max(0, mark - mapping.non_billable_users), unit_cost=unit_cost)
