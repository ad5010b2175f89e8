"""What a draft would have done to every organization in the last twelve months."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from django.db import connection

from core.metrics import Metric
from core.months import Month
from core.schema import require_provider_schema
from usage.cap_simulation.replay import Blocked, replay
from usage.ledger.months_table import last_months, months_table

# Only where the draft lies below what there was can it have stopped anybody.
_STEPS = """
    SELECT organization_id, count_after - delta,
           (extract(epoch FROM at) * 1000000)::bigint, delta, subject_id, subject_name
    FROM usage_usageevent
    WHERE metric = 'users' AND organization_id = ANY (%s) AND at >= %s
    ORDER BY organization_id, id
"""


@dataclass(frozen=True, slots=True)
class SimulatedCap:
    """An organization's twelve months as they were, and its marks of users under the draft."""

    organization_id: int
    name: str
    is_removed: bool
    users: tuple[int, ...]
    devices: tuple[int, ...]
    drafted: tuple[int, ...]
    blocked: tuple[Blocked, ...] = ()

    @property
    def highest(self) -> int:
        """The highest mark of users of the twelve months."""
        return max(self.users)


def simulate_caps(
    *, caps: Mapping[int, int | None], now: datetime, zone: ZoneInfo
) -> tuple[tuple[Month, ...], list[SimulatedCap]]:
    """The last twelve months, the running one too, and every organization's past under `caps`.

    Of the organizations this person may see; those without a draft cap, or with None, stay as they
    were. In three statements, and one pass over the events of those that the draft concerns. `zone`
    is the billing zone.
    """
    require_provider_schema()
    months = last_months(month=Month.of(now, zone))
    users = months_table(months=months, metric=Metric.USERS).rows
    devices = {
        row.organization_id: row.marks
        for row in months_table(months=months, metric=Metric.DEVICES).rows
    }
    none = (0,) * len(months)
    pasts = {
        row.organization_id: SimulatedCap(
            row.organization_id,
            row.name,
            row.is_removed,
            users=row.marks,
            devices=devices.get(row.organization_id, none),
            drafted=row.marks,
        )
        for row in users
    }
    lower = {
        pk: cap
        for pk, cap in caps.items()
        if cap is not None and pk in pasts and pasts[pk].highest > cap
    }
    pasts.update(_replayed(pasts, lower, months, zone))
    return months, list(pasts.values())


def blocked_by_month(
    pasts: Iterable[SimulatedCap], *, months: Sequence[Month], zone: ZoneInfo
) -> list[int]:
    """How many additions of each month the draft would have refused."""
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
    starts = [month.starts_at(zone) for month in months]
    with connection.cursor() as cursor:
        cursor.execute(_STEPS, [list(caps), starts[0]])
        for organization_id, rows in groupby(cursor.fetchall(), key=lambda row: row[0]):
            listed = list(rows)
            past = pasts[organization_id]
            done = replay(
                opening=listed[0][1],
                steps=[row[2:] for row in listed],
                cap=caps[organization_id],
                starts=starts,
            )
            yield (
                organization_id,
                SimulatedCap(
                    past.organization_id,
                    past.name,
                    past.is_removed,
                    users=past.users,
                    devices=past.devices,
                    drafted=done.marks,
                    blocked=done.blocked,
                ),
            )
