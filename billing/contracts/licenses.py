"""Committed licenses and how many of them are in use now."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import Max, Sum
from django.utils import timezone

from accounts.models import User
from accounts.providers import current_provider
from accounts.roles import Permission
from billing.models import Contract
from core.metrics import Metric
from core.months import Month
from usage.models import ActiveMonth, OrganizationCounter

# Percentage of the commitment from which its use is `NEAR`.
NEAR_PERCENT = 95


class CommitmentUsage(StrEnum):
    """How far the licenses in use are from the commitment."""

    WITHIN = "within"
    NEAR = "near"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Licenses:
    """The committed and the used quantity, in the contract's unit (users, devices, seats)."""

    contract: Contract
    committed: int
    in_use: int

    @property
    def left(self) -> int:
        """How many can be added before overage; negative when over."""
        return self.committed - self.in_use

    @property
    def over(self) -> int:
        """How many are in use above the commitment."""
        return max(0, -self.left)

    @property
    def unit(self) -> str:
        """The unit of a license."""
        return self.contract.unit

    @property
    def percent(self) -> int:
        """The share in use, in whole percent, rounded down."""
        return 100 * self.in_use // self.committed

    @property
    def usage(self) -> CommitmentUsage:
        """OVER above the commitment, NEAR from 95 % of it to all of it."""
        if self.in_use > self.committed:
            return CommitmentUsage.OVER
        is_near = 100 * self.in_use >= NEAR_PERCENT * self.committed
        return CommitmentUsage.NEAR if is_near else CommitmentUsage.WITHIN


def in_use(contract: Contract, month: Month) -> int:
    """The sum of the organizations' current counts; of each its greatest metric that is billed.

    For active users, those of the month.
    """
    metric = Metric(contract.metric)
    if metric is Metric.ACTIVE_USERS:
        active = ActiveMonth.objects.filter(month=month.first_day)
        return active.aggregate(total=Sum("count"))["total"] or 0
    counters = OrganizationCounter.objects.order_by().filter(metric__in=metric.counted)
    each = counters.values("organization").annotate(quantity=Max("count"))
    return each.aggregate(total=Sum("quantity"))["total"] or 0


def licenses(*, month: Month) -> Licenses | None:
    """The commitment that bills the month and its use now; None without a commitment."""
    contract = Contract.objects.current(month)
    if contract is None or contract.committed_quantity is None:
        return None
    return Licenses(contract, committed=contract.committed_quantity, in_use=in_use(contract, month))


def this_month(*, now: datetime) -> Month:
    """The running billing month of the current provider."""
    return Month.of(now, current_provider().billing_zone())


def licenses_left(user: User) -> Licenses | None:
    """The licenses of the running month for a user who may see billing; otherwise None."""
    if not user.may(Permission.VIEW_BILLING):
        return None
    return licenses(month=this_month(now=timezone.now()))
