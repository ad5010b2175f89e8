"""The usage ledger and its projections, active users, forecast trials and draft caps."""

from usage.models.active_users import ActiveMonth, ActiveUser, LateActivity
from usage.models.cap_drafts import DraftCap
from usage.models.forecast import ForecastTrial
from usage.models.ledger import OrganizationCounter, UsageEvent
from usage.models.months import (
    CombinedMonth,
    DailySnapshot,
    FrozenMonth,
    MonthlyUsage,
    SnapshotRun,
)

__all__ = [
    "ActiveMonth",
    "ActiveUser",
    "CombinedMonth",
    "DailySnapshot",
    "DraftCap",
    "ForecastTrial",
    "FrozenMonth",
    "LateActivity",
    "MonthlyUsage",
    "OrganizationCounter",
    "SnapshotRun",
    "UsageEvent",
]
