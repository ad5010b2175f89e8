"""The stops of a journey: which instants the schedule has something to do at."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from mtp.schedule import TASKS
from mtp.travel.stops import ON_ARRIVAL, arrival_tasks, hourly_tasks, stops_on

DENVER, BERLIN, KOLKATA = (
    ZoneInfo(name) for name in ("America/Denver", "Europe/Berlin", "Asia/Kolkata")
)
IN_ORDER = (
    "usage.tasks.snapshot_due_providers",
    "billing.tasks.close_due_months",
    "billing.tasks.update_all_dunning",
    "integrations.tasks.sync_due_providers",
)


def hours(day: date, *zones: ZoneInfo) -> list[str]:
    stops = stops_on(day, schedule=TASKS, zones=zones)
    return [f"{stop.at:%H:%M}" for stop in stops if stop.tasks == IN_ORDER]


def test_a_day_is_worked_off_after_midnight_in_each_zone() -> None:
    day = date(2026, 12, 1)
    assert hours(day, DENVER, BERLIN, DENVER) == ["07:25", "23:25"]
    assert hours(date(2026, 7, 1), DENVER, BERLIN) == ["06:25", "22:25"], "in summer"
    assert hours(day, KOLKATA) == ["19:25"], "midnight at 18:30 UTC: the next full hour"
    assert hours(day) == []


def test_the_day_on_which_clocks_change_has_each_midnight_once() -> None:
    assert hours(date(2026, 11, 1), DENVER) == ["06:25"]
    assert hours(date(2026, 11, 2), DENVER) == ["07:25"]


def test_a_task_of_an_hour_has_its_own_stop() -> None:
    (stop,) = (
        stop
        for stop in stops_on(date(2026, 12, 1), schedule=TASKS, zones=[DENVER])
        if stop.tasks == ("billing.tasks.send_all_reminders",)
    )
    assert stop.at == datetime(2026, 12, 1, 8, 30, tzinfo=UTC)


def test_every_task_runs_at_stops_or_on_arrival_or_is_named_by_the_journey() -> None:
    """A new task of the schedule must be run by a journey too."""
    planned = {
        task
        for stop in stops_on(date(2026, 12, 1), schedule=TASKS, zones=[DENVER])
        for task in stop.tasks
    }
    after_each_stop = {"tenants.tasks.evaluate_all_alerts"}
    # About releases of the portal, not about time.
    never = {"accounts.tasks.watch_migrations"}
    assert planned | ON_ARRIVAL | after_each_stop | never == set(TASKS)
    assert hourly_tasks(schedule=TASKS) == IN_ORDER
    assert set(arrival_tasks(schedule=TASKS)) == ON_ARRIVAL
