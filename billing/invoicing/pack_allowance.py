"""The allowance of active users, by month."""

from collections.abc import Sequence
from dataclasses import dataclass

from billing.models import Contract, PackOrder
from core.metrics import Metric
from core.months import Month


@dataclass(frozen=True, slots=True)
class AllowanceMonth:
    """A month's active users, and how many of them the commitment and packs cover."""

    month: Month
    active: int
    committed: int
    packs: int

    @property
    def allowance(self) -> int:
        """The number covered; 0 if nothing was agreed."""
        return self.committed + self.packs

    @property
    def overage(self) -> int:
        """Active users above the allowance; 0 without an allowance."""
        return max(0, self.active - self.allowance) if self.allowance else 0

    @property
    def left(self) -> int:
        """How many more users can be active before overage."""
        return max(0, self.allowance - self.active)


def allowance_months(*, months: Sequence[Month], active: Sequence[int]) -> list[AllowanceMonth]:
    """The allowances of months with these numbers of active users, in two statements.

    A commitment counts in the months that its contract bills by active users. A pack covers each of
    its months as a whole, also the month of the order.
    """
    contracts = list(Contract.objects.order_by("starts_on"))
    orders = PackOrder.objects.filter(
        invoice__voided_at=None,
        starts_on__lte=months[-1].first_day,
        ends_on__gt=months[0].first_day,
    )
    packs = list(orders.values_list("starts_on", "ends_on", "quantity"))
    return [
        AllowanceMonth(
            month=month,
            active=count,
            committed=_committed(contracts, month),
            packs=sum(size for start, end, size in packs if start <= month.first_day < end),
        )
        for month, count in zip(months, active, strict=True)
    ]


def _committed(contracts: Sequence[Contract], month: Month) -> int:
    active = [contract for contract in contracts if contract.covers(month.first_day)]
    if not active or active[-1].metric != Metric.ACTIVE_USERS:
        return 0
    return active[-1].committed_quantity or 0
