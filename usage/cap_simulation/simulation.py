"""Simulates a draft of caps over the last twelve months of every organization."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from zoneinfo import ZoneInfo

from django.db import connection

from core.metrics import Metric
from core.months import Month
from core.schema import require_provider_schema
from usage.cap_simulation.counting_begins import counting_begins
from usage.cap_simulation.replay import Blocked, in_microseconds, replay
from usage.ledger.months_table import last_months, months_table

# The count before them, then each event at its real instant; it is recorded then or later.
_STEPS = """
    SELECT e.organization_id,
           (c.count - sum(e.delta) OVER (PARTITION BY e.organization_id))::bigint,
           (extract(epoch FROM e.real_at) * 1000000)::bigint, e.delta, e.subject_id, u.email
    FROM (SELECT *, coalesce(effective_at, at) AS real_at FROM usage_usageevent) e
        JOIN usage_organizationcounter c USING (organization_id, metric)
        JOIN tenants_manageduser u ON u.id = e.subject_id
    WHERE e.metric = 'users' AND e.organization_id = ANY (%(organizations)s)
        AND e.at >= %(start)s AND e.real_at >= %(start)s
    ORDER BY e.organization_id, e.real_at, e.id
"""


@dataclass(frozen=True, slots=True)
class SimulatedCap:
    """An organization's high-water marks of twelve months, and those of users under the draft."""

    organization_id: int
    name: str
    is_removed: bool
    users: tuple[int, ...]
    devices: tuple[int, ...]
    drafted: tuple[int, ...]
    blocked: tuple[Blocked, ...] = ()

    @property
    def highest(self) -> int:
        """The highest high-water mark of users in the twelve months."""
        return max(self.users)


def simulate_caps(
    *, caps: Mapping[int, int | None], now: datetime, zone: ZoneInfo
) -> tuple[tuple[Month, ...], list[SimulatedCap]]:
    """The last twelve months, the current one included, and every organization's past under `caps`.

    Covers the organizations that the user may see; those without a cap in `caps` stay as they were.
    Four statements, the last of which reads the events of organizations that exceeded their draft
    cap: only there could it have blocked anyone. `zone` is the billing zone.
    """
    require_provider_schema()
    months = last_months(month=Month.of(now, zone))
    users = months_table(months=months, metric=Metric.USERS).rows
    devices = {
        row.organization_id: row.high_water_marks
        for row in months_table(months=months, metric=Metric.DEVICES).rows
    }
    without = (0,) * len(months)
    pasts = {
        row.organization_id: SimulatedCap(
            row.organization_id,
            row.name,
            row.is_removed,
            users=row.high_water_marks,
            devices=devices.get(row.organization_id, without),
            drafted=row.high_water_marks,
        )
        for row in users
    }
    exceeded = {
        pk: cap
        for pk, cap in caps.items()
        if cap is not None and pk in pasts and pasts[pk].highest > cap
    }
    pasts.update(_replayed(pasts, exceeded, months, zone))
    return months, list(pasts.values())


def blocked_by_month(
    pasts: Iterable[SimulatedCap], *, months: Sequence[Month], zone: ZoneInfo
) -> list[int]:
    """The number of additions that the draft would have blocked, by month."""
    starts = [month.starts_at(zone) for month in months]
    counted = [0] * len(months)
    for past in pasts:
        for blocked in past.blocked:
            counted[bisect_right(starts, blocked.at) - 1] += 1
    return counted


def _replayed(
    pasts: Mapping[int, SimulatedCap],
    caps: Mapping[int, int],
    months: tuple[Month, ...],
    zone: ZoneInfo,
) -> Iterator[tuple[int, SimulatedCap]]:
    if not caps:
        return
    instants = counting_begins(months=months, zone=zone)
    begins = in_microseconds(instants)
    with connection.cursor() as cursor:
        cursor.execute(_STEPS, {"organizations": list(caps), "start": instants[0][0]})
        for organization_id, rows in groupby(cursor.fetchall(), key=itemgetter(0)):
            events = list(rows)
            result = replay(
                opening=events[0][1],
                steps=[row[2:] for row in events],
                cap=caps[organization_id],
                begins=begins,
            )
            yield (
                organization_id,
                replace(
                    pasts[organization_id],
                    drafted=result.high_water_marks,
                    blocked=result.blocked,
                ),
            )
