"""Simulates a draft of caps over the last twelve months of every organization."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection

from core.metrics import Metric
from core.months import Month, day_starts_at
from core.schema import require_provider_schema
from tenants.models import ManagedUser
from usage.cap_simulation.counting_begins import counting_begins
from usage.cap_simulation.replay import (
    EPOCH,
    MICROSECOND,
    Blocked,
    Steps,
    in_microseconds,
    microseconds,
    replay,
)
from usage.ledger.months_table import last_months, months_table

# The count before them, then their real instants in microseconds and who came or, with a minus,
# left; each is recorded then or later. A double has the microseconds of our centuries exactly, and
# is much faster than the decimals of extract().
_STEPS = """
    SELECT e.organization_id, (c.count - sum(e.delta))::bigint,
           array_agg((date_part('epoch', e.real_at) * 1000000)::bigint ORDER BY e.real_at, e.id),
           array_agg(e.delta * e.subject_id ORDER BY e.real_at, e.id)
    FROM (SELECT *, coalesce(effective_at, at) AS real_at FROM usage_usageevent) e
        JOIN usage_organizationcounter c USING (organization_id, metric)
    WHERE e.metric = 'users' AND e.organization_id = ANY (%(organizations)s)
        AND e.at >= %(start)s AND e.real_at >= %(start)s
    GROUP BY e.organization_id, c.count
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


class Refusal(NamedTuple):
    """An addition that the draft would have blocked, as people read it."""

    past: SimulatedCap
    at: datetime
    subject_name: str


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


def blocked_by_day(
    pasts: Iterable[SimulatedCap], *, months: Sequence[Month], zone: ZoneInfo
) -> Counter[date]:
    """The number of additions that the draft would have blocked, by local day."""
    first = months[0].first_day
    days = [first + timedelta(n) for n in range((months[-1].last_day - first).days + 1)]
    starts = [microseconds(day_starts_at(day=day, zone=zone)) for day in days]
    places = Counter(bisect_right(starts, at) for past in pasts for at, _ in past.blocked)
    return Counter({days[place - 1]: number for place, number in places.items()})


def refusals(pasts: Iterable[SimulatedCap]) -> list[Refusal]:
    """The additions that the draft would have blocked; one statement reads who they are."""
    blocked = [(past, at, who) for past in pasts for at, who in past.blocked]
    names = dict(
        ManagedUser.objects.filter(pk__in={who for _, _, who in blocked}).values_list("pk", "email")
    )
    return [Refusal(past, EPOCH + at * MICROSECOND, names[who]) for past, at, who in blocked]


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
        rows = cursor.fetchall()
    for organization_id, opening, *steps in rows:
        result = replay(
            opening=opening, steps=Steps(*steps), cap=caps[organization_id], begins=begins
        )
        yield (
            organization_id,
            replace(
                pasts[organization_id], drafted=result.high_water_marks, blocked=result.blocked
            ),
        )
