"""What a forecast starts from: every organization's counts up to an instant, in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from core.metrics import COUNTED, Metric
from core.months import Month
from core.schema import require_provider_schema
from core.scope import visible_organizations
from usage.forecast.method import HISTORY_DAYS, Track
from usage.sql import statement

TRACKS = statement("tracks")
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Tracked:
    """An organization with its counts; `is_removed` at the instant it is looked at."""

    organization_id: int
    name: str
    user_cap: int | None
    is_removed: bool
    users: Track
    devices: Track

    def of(self, basis: Metric) -> tuple[Track, ...]:
        """The counts that a basis is made of."""
        if basis is Metric.USERS:
            return (self.users,)
        return (self.devices,) if basis is Metric.DEVICES else (self.users, self.devices)

    def peak(self, basis: Metric) -> int:
        """The month's high-water mark so far."""
        return max(track.peak for track in self.of(basis))


def tracked(
    *, at: datetime, month: Month, zone: ZoneInfo, organization_id: int | None = None
) -> list[Tracked]:
    """The organizations that this person may see, as they were at an instant of the month.

    Read from the event log, so of a past instant nothing later is known. Removed ones too while
    the month's peak counts them. `zone` is the billing zone.
    """
    require_provider_schema()
    ids = visible_organizations()
    asked: dict[str, Any] = {
        "at": at,
        "since": at - HISTORY_DAYS * DAY,
        "month": month.first_day,
        "month_start": month.starts_at(zone),
        "metrics": list(COUNTED),
        "visible": None if ids is None else sorted(ids),
        "only": organization_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(TRACKS, asked)
        rows = cursor.fetchall()
    found = [_tracked(users, devices) for users, devices in zip(rows[::2], rows[1::2], strict=True)]
    return [one for one in found if not one.is_removed or one.peak(Metric.GREATER)]


def _tracked(users: Sequence[Any], devices: Sequence[Any]) -> Tracked:
    organization_id, name, user_cap, is_removed = users[:4]
    return Tracked(
        organization_id, name, user_cap, is_removed, users=_track(users), devices=_track(devices)
    )


def _track(row: Sequence[Any]) -> Track:
    organization_id, _, _, is_removed, _, present, peak, opening, ages, highs, levels = row
    return Track(
        organization_id,
        present=present,
        peak=peak,
        opening=opening,
        ages=ages,
        highs=highs,
        levels=levels,
        is_final=is_removed,
    )
