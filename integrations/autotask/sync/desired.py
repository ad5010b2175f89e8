"""The desired quantities and cost of a month, from the usage ledger and the contract."""

from collections.abc import Mapping
from decimal import Decimal

from billing.models import Contract
from billing.rating.billed_quantities import billed_quantities
from core.metrics import Metric
from core.months import Month


def desired_quantities(*, month: Month) -> tuple[Mapping[int, int], Decimal | None]:
    """The billed quantity by organization id, and the cost per unit.

    Non-billable users are still included. The cost is the contract's unit price, which is what the
    provider itself pays; None in a month without a contract. One statement for all organizations.
    """
    contract = Contract.objects.current(month)
    metric = Metric(contract.metric) if contract else Metric.USERS
    billed = billed_quantities(month=month, metric=metric)
    quantities = {each.organization_id: each.quantity for each in billed}
    return quantities, contract.unit_price if contract else None
