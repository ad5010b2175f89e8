"""The allowance of months beside who was active in them."""

from collections.abc import Sequence
from dataclasses import dataclass

from billing.models import Contract, PackOrder
from core.metrics import Metric
from core.months import Month


@dataclass(frozen=True, slots=True)
class AllowanceMonth:
    """A month's active users and how many are covered: committed by contract, and by packs.

    Nothing was agreed where neither covers any.
    """

    month: Month
    active: int
    committed: int
    packs: int

    @property
    def allowance(self) -> int:
        """All that is covered."""
        return self.committed + self.packs

    @property
    def overage(self) -> int:
        """Active users above the allowance; none where there is no allowance."""
        return max(0, self.active - self.allowance) if self.allowance else 0

    @property
    def left(self) -> int:
        """How many more may be active before overage."""
        return max(0, self.allowance - self.active)


def allowance_months(*, months: Sequence[Month], active: Sequence[int]) -> list[AllowanceMonth]:
    """The months, whose active users are `active`, with what covered them; in two statements.

    A commitment counts in months that its contract bills by active users. A pack covers each of its
    months as a whole, that of the order too: the number of active users is one for the month.
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
    day = month.first_day
    in_force = [
        contract
        for contract in contracts
        if contract.starts_on <= day and (contract.ends_on is None or contract.ends_on > day)
    ]
    if not in_force or in_force[-1].metric != Metric.ACTIVE_USERS:
        return 0
    return in_force[-1].committed_quantity or 0
