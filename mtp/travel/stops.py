"""The stops between two instants at which the schedule can have something to do. Pure.

A day has hundreds of runs, and most of them find nothing. What the passing of a day brings, the
hourly runs do in the hour after a midnight in a billing zone. What comes at another instant says so
itself: outbox messages by `due_at`, rounds by `again_at` (docs/decisions/0044).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from celery.schedules import crontab

from core.months import day_starts_at

HOUR = timedelta(hours=1)
HOURS_OF_A_DAY = 24
# They compare, prove or clear away, and look back as far as there is something to look at: once, on
# arrival.
ON_ARRIVAL = frozenset(
    {
        "accounts.tasks.keep_ids",
        "accounts.tasks.check_all_for_missed",
        "billing.tasks.check_all_promises",
        "billing.tasks.reconcile_all",
        "mtp.retention.tasks.prune_all",
        "usage.tasks.backtest_forecasts",
    }
)


@dataclass(frozen=True, slots=True)
class Stop:
    """An instant, and the tasks that the schedule runs then, in their order."""

    at: datetime
    tasks: tuple[str, ...]


def stops_on(
    day: date, *, schedule: Mapping[str, crontab], zones: Iterable[ZoneInfo]
) -> list[Stop]:
    """The stops of this day (UTC), in their order.

    For each task of certain hours, and for all hourly tasks together in the hours with a midnight
    of these zones, at the minute of the last of them.
    """
    hourly = hourly_tasks(schedule=schedule)
    last_minute = max((_minute(schedule[task]) for task in hourly), default=0)
    stops = {
        _instant(day, hour.hour, last_minute): hourly for hour in _hours_after_midnights(day, zones)
    }
    for task, times in schedule.items():
        if len(_hours(times)) < HOURS_OF_A_DAY and task not in ON_ARRIVAL:
            for hour in _hours(times):
                at = _instant(day, hour, _minute(times))
                stops[at] = (*stops.get(at, ()), task)
    return [Stop(at, tasks) for at, tasks in sorted(stops.items())]


def hourly_tasks(*, schedule: Mapping[str, crontab]) -> tuple[str, ...]:
    """The tasks that run once an hour, in the order in which they run within it."""
    hourly = {
        task: times
        for task, times in schedule.items()
        if len(_minutes(times)) == 1
        and len(_hours(times)) == HOURS_OF_A_DAY
        and task not in ON_ARRIVAL
    }
    return tuple(sorted(hourly, key=lambda task: _minute(hourly[task])))


def arrival_tasks(*, schedule: Mapping[str, crontab]) -> tuple[str, ...]:
    """The tasks that run once, where the clock arrives, in the order of a day."""
    chosen = (task for task in schedule if task in ON_ARRIVAL)
    return tuple(
        sorted(chosen, key=lambda task: (min(_hours(schedule[task])), _minute(schedule[task])))
    )


def _hours(times: crontab) -> set[int]:
    return set(times.hour)  # type: ignore[attr-defined] # its types lack it


def _minutes(times: crontab) -> set[int]:
    return set(times.minute)  # type: ignore[attr-defined] # as above


def _minute(times: crontab) -> int:
    return min(_minutes(times))


def _instant(day: date, hour: int, minute: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


def _hours_after_midnights(day: date, zones: Iterable[ZoneInfo]) -> Iterator[datetime]:
    """The full hours of this day (UTC) with which, or just before which, a local day starts."""
    for zone in zones:
        for local in (day - timedelta(days=1), day, day + timedelta(days=1)):
            start = day_starts_at(day=local, zone=zone)
            hour = start.replace(minute=0, second=0, microsecond=0)
            hour += HOUR if hour < start else timedelta(0)
            if hour.date() == day:
                yield hour
