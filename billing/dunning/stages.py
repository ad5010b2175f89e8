"""Where a provider stands with its unpaid invoices: arithmetic on dates and instants.

Days are counted from the due date in the billing time zone and compared as ranges, never for
equality: a step that nobody looked at on its day is reached on any later one. Sources:
docs/facts/product.md, Dunning (outstanding, 30 days, 45 days); docs/facts/peers.md, Dunning;
docs/decisions/0011.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import IntEnum
from zoneinfo import ZoneInfo

THIRTY_DAYS_AFTER = 30
SUSPENDED_AFTER = 45


class DunningStage(IntEnum):
    """From good to bad, so that the worst of several is their maximum."""

    CURRENT = 0
    OUTSTANDING = 1
    THIRTY_DAYS = 2
    SUSPENDED = 3


@dataclass(frozen=True, slots=True)
class Debt:
    """An issued invoice on which `owed_minor` is still to be paid.

    `charge_failed_at` is the instant of the first charge that failed, `next_attempt_at` that of the
    next one on the card on file; None where there is none.
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
        """When the local due date is over, or earlier when the charge failed before (UTC)."""
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
        day = self.due_date + timedelta(days=days)
        # The first instant of the local day, whatever the clocks do that night.
        return datetime.combine(day, time.min, tzinfo=self.zone).astimezone(UTC)

    def reaches(self, *, deferred_until: datetime | None) -> dict[DunningStage, datetime]:
        """From which instant this debt alone leads to each step.

        A deferral that ends after the 45th day moves the suspension to its end, and nothing else.
        """
        suspended_at = self.suspended_at
        return {
            DunningStage.OUTSTANDING: self.outstanding_at,
            DunningStage.THIRTY_DAYS: self.thirty_days_at,
            DunningStage.SUSPENDED: max(suspended_at, deferred_until or suspended_at),
        }


@dataclass(frozen=True, slots=True)
class DunningStatus:
    """Where a provider stands at one instant, and since when it has been at each step reached.

    `debts` are the invoices outstanding at that instant, oldest due date first; `suspending` those
    of them that have to be paid before access is back. `outstanding_from` is the earliest instant
    at which any unpaid invoice counts, also when it is yet to come.
    """

    standing: DunningStage
    since: dict[DunningStage, datetime]
    debts: tuple[Debt, ...]
    suspending: tuple[Debt, ...]
    deferred_until: datetime | None
    outstanding_from: datetime | None

    @property
    def is_suspended(self) -> bool:
        """Whether everything but paying is refused."""
        return self.standing is DunningStage.SUSPENDED


def assess(
    *, debts: Sequence[Debt], deferred_until: datetime | None, now: datetime
) -> DunningStatus:
    """Where these unpaid invoices put their provider at `now`; no debt, no matter."""
    since: dict[DunningStage, datetime] = {}
    at_step: dict[DunningStage, list[Debt]] = {standing: [] for standing in DunningStage}
    for debt in sorted(debts, key=lambda debt: (debt.due_date, debt.invoice_id)):
        for step, reached_at in debt.reaches(deferred_until=deferred_until).items():
            if reached_at <= now:
                at_step[step].append(debt)
                since[step] = min(since.get(step, reached_at), reached_at)
    return DunningStatus(
        standing=max(since, default=DunningStage.CURRENT),
        since=since,
        debts=tuple(at_step[DunningStage.OUTSTANDING]),
        suspending=tuple(at_step[DunningStage.SUSPENDED]),
        deferred_until=deferred_until,
        outstanding_from=min((debt.outstanding_at for debt in debts), default=None),
    )


CURRENT = assess(debts=(), deferred_until=None, now=datetime.min.replace(tzinfo=UTC))
