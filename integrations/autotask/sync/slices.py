"""The piece of a run that one worker does at a time."""

import time
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from integrations.autotask.api.client import Client
from integrations.choices import DatePolicy
from integrations.models import SyncRun


@dataclass(kw_only=True)
class Slice:
    """One worker's share of a run, by one connection to Autotask.

    `ends_at` is by the monotonic clock. `rests` collects when to come back for services that must
    rest first; `was_cut` says that time ran out before all was looked at.
    """

    run: SyncRun
    client: Client
    zone: ZoneInfo
    policy: DatePolicy
    now: datetime
    ends_at: float
    rests: list[datetime] = field(default_factory=list)
    was_cut: bool = False

    def has_time(self) -> bool:
        """Whether another portion may begin."""
        self.was_cut = self.was_cut or time.monotonic() >= self.ends_at
        return not self.was_cut
