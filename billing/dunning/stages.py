"""Dunning stages: how long a provider's invoices have been unpaid. Pure.

Days count from the due date in the billing time zone. They are compared as ranges, never for
equality, so a step that was missed on its day is reached on any later day. Sources:
docs/facts/product.md, Dunning (outstanding, 30 days, 45 days); docs/facts/peers.md, Dunning;
docs/decisions/0011.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum
from zoneinfo import ZoneInfo

from core.months import day_starts_at

THIRTY_DAYS_AFTER = 30
SUSPENDED_AFTER = 45


class DunningStage(IntEnum):
    """The stages in order of severity, so that the worst of several is their maximum."""

    CURRENT = 0
    OUTSTANDING = 1
    THIRTY_DAYS = 2
    SUSPENDED = 3


@dataclass(frozen=True, slots=True)
class Debt:
    """An issued invoice on which `owed_minor` is due and unpaid.

    `charge_failed_at` is when the first charge failed, `next_attempt_at` when the card on file is
    charged next; each is None if there is no such charge.
    """

    invoice_id: int
    number: str
    due_date: date
    zone: ZoneInfo
    owed_minor: int
    currency: str
    charge_failed_at: datetime | None = None
    next_attempt_at: datetime | None = None

    @property
    def outstanding_at(self) -> datetime:
        """When the local due date ends, or when the charge failed if that was earlier (UTC)."""
        overdue_at = self._days_after_due(1)
        return min(overdue_at, self.charge_failed_at or overdue_at)

    @property
    def thirty_days_at(self) -> datetime:
        """The start of the 30th local day after the due date (UTC)."""
        return self._days_after_due(THIRTY_DAYS_AFTER)

    @property
    def suspended_at(self) -> datetime:
        """The start of the 45th local day after the due date (UTC), before any deferral."""
        return self._days_after_due(SUSPENDED_AFTER)

    def _days_after_due(self, days: int) -> datetime:
        return day_starts_at(day=self.due_date + timedelta(days=days), zone=self.zone)

    def reaches(self, *, deferred_until: datetime | None) -> dict[DunningStage, datetime]:
        """When this debt alone reaches each stage.

        A deferral that ends after the 45th day moves the suspension to its end, and nothing else.
        """
        return {
            DunningStage.OUTSTANDING: self.outstanding_at,
            DunningStage.THIRTY_DAYS: self.thirty_days_at,
            DunningStage.SUSPENDED: self.suspends_at(deferred_until=deferred_until),
        }

    def suspends_at(self, *, deferred_until: datetime | None) -> datetime:
        """When this debt suspends the account: after its 45 days and after the deferral (UTC)."""
        return max(self.suspended_at, deferred_until or self.suspended_at)


@dataclass(frozen=True, slots=True)
class DunningStatus:
    """A provider's stage at one instant, and `since` when each stage reached has lasted.

    `debts` are the invoices outstanding at that instant, oldest due date first; `suspending` are
    those of them that must be paid before access is restored. `outstanding_from` is the earliest
    instant, past or future, at which any unpaid invoice is outstanding. `changes_at` is the next
    instant at which time alone changes it, the first at which any unpaid invoice reaches a stage.
    """

    stage: DunningStage
    since: dict[DunningStage, datetime]
    debts: tuple[Debt, ...]
    suspending: tuple[Debt, ...]
    deferred_until: datetime | None
    outstanding_from: datetime | None
    changes_at: datetime | None

    @property
    def is_suspended(self) -> bool:
        """Whether only paying is allowed."""
        return self.stage is DunningStage.SUSPENDED

    @property
    def is_thirty_days(self) -> bool:
        """Whether a debt is at least 30 days old and none suspends the account."""
        return self.stage is DunningStage.THIRTY_DAYS

    @property
    def owed(self) -> dict[str, int]:
        """The total of `debts`, in minor units of each currency."""
        return _totals(self.debts)

    @property
    def restoring(self) -> dict[str, int]:
        """The total of `suspending`, in minor units of each currency."""
        return _totals(self.suspending)

    @property
    def next_step(self) -> "tuple[datetime, DunningStage] | None":
        """When the next stage is reached without a payment, and which; None after the last."""
        coming = (
            (at, stage)
            for debt in self.debts
            for stage, at in debt.reaches(deferred_until=self.deferred_until).items()
            if stage > self.stage
        )
        return min(coming, default=None)


def _totals(debts: Iterable[Debt]) -> dict[str, int]:
    totals: Counter[str] = Counter()
    for debt in debts:
        totals[debt.currency] += debt.owed_minor
    return dict(totals)


def status_at(
    now: datetime, *, debts: Sequence[Debt], deferred_until: datetime | None
) -> DunningStatus:
    """The status of a provider with these unpaid invoices at `now`."""
    since: dict[DunningStage, datetime] = {}
    coming: list[datetime] = []
    at_stage: dict[DunningStage, list[Debt]] = {stage: [] for stage in DunningStage}
    for debt in sorted(debts, key=lambda debt: (debt.due_date, debt.invoice_id)):
        for stage, reached_at in debt.reaches(deferred_until=deferred_until).items():
            if reached_at <= now:
                at_stage[stage].append(debt)
                since[stage] = min(since.get(stage, reached_at), reached_at)
            else:
                coming.append(reached_at)
    return DunningStatus(
        stage=max(since, default=DunningStage.CURRENT),
        since=since,
        debts=tuple(at_stage[DunningStage.OUTSTANDING]),
        suspending=tuple(at_stage[DunningStage.SUSPENDED]),
        deferred_until=deferred_until,
        outstanding_from=min((debt.outstanding_at for debt in debts), default=None),
        changes_at=min(coming, default=None),
    )


CURRENT = status_at(datetime.min.replace(tzinfo=UTC), debts=(), deferred_until=None)
