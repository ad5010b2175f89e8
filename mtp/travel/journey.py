"""Moves the portal's clock from one due instant to the next, and does there what is due.

A journey is a row. One process at a time works at it, under a lock of PostgreSQL; after a kill the
next one continues where the clock is. The tasks of the schedule run in this process, one after the
other; outbox messages are delivered here and by the workers, all of them before the clock moves on.
"""

import logging
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from celery import current_app
from celery.exceptions import AlwaysEagerIgnored
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import (
    DEFAULT_DB_ALIAS,
    IntegrityError,
    close_old_connections,
    connection,
    connections,
    transaction,
)
from django.db.models import F, Min, QuerySet
from django.utils import timezone

from accounts.models import Provider, RoundLook
from core.clock import ahead, machine_now, set_ahead
from core.operations.models import TimeTravel
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage, OutboxPause
from core.postgresql.addresses import DIRECT
from mtp import schedule
from mtp.travel import position, stand_ins
from mtp.travel.destinations import LONGEST
from mtp.travel.stops import HOUR, Stop, arrival_tasks, hourly_tasks, stops_on

logger = logging.getLogger(__name__)

LOCK = "SELECT pg_try_advisory_lock(hashtextextended('mtp.travel', 0))"
ALERTS = "tenants.tasks.evaluate_all_alerts"
# Rounds that look at due providers only, in the order of the schedule.
DUE_ROUNDS = ("usage.tasks.snapshot_due_providers", "billing.tasks.update_all_dunning", ALERTS)
# Between two looks at messages that workers hold.
WAIT_SECONDS = 0.05
Report = Callable[[str], object]


class CannotTravel(Exception):
    """The clock was not moved; the message says why, for a person."""


class AlreadyTravelling(CannotTravel):
    """Another process moves the clock at this moment."""


def is_possible() -> bool:
    """Whether this portal's clock can be moved at all."""
    return not settings.IS_PRODUCTION and settings.TIME_TRAVEL


def require_possible() -> None:
    """Raise `CannotTravel` in production, and where something would not follow the clock."""
    if not is_possible():
        raise CannotTravel("Only a demo's clock is moved: production runs by the real time.")
    if not stand_ins.are_used():
        raise CannotTravel(
            "The real Stripe and Autotask do not follow the clock: it is moved with both stand-ins "
            "only."
        )
    if settings.DATABASE_SERVERS or DIRECT in settings.DATABASES:
        raise CannotTravel("The clock is moved with one database without a pooler only.")


def begin(*, to_at: datetime, by: str, now: datetime) -> TimeTravel:
    """Record a journey to `to_at`, which `go_on` makes. Raises `CannotTravel`."""
    require_possible()
    if to_at <= now:
        raise CannotTravel("The clock goes forward only: choose a later day.")
    if to_at - now > LONGEST:
        raise CannotTravel(f"Choose a day within the next {LONGEST.days} days.")
    try:
        with transaction.atomic():
            return TimeTravel.objects.create(
                by_name=by, began_at=now, to_at=to_at, reached_at=now, ahead=ahead()
            )
    except IntegrityError:
        raise AlreadyTravelling("The clock is moving already.") from None


def under_way() -> TimeTravel | None:
    """The journey that has not ended."""
    return TimeTravel.objects.filter(finished_at=None).first()


def stop() -> None:
    """Have the journey end where the clock is."""
    require_possible()
    TimeTravel.objects.filter(finished_at=None).update(to_at=F("reached_at"))


def go_on(*, seconds: float | None = None, report: Report = lambda _: None) -> bool:
    """Continue the journey for so long, or to its end; returns whether it has ended.

    Raises `AlreadyTravelling` if another process is at it, and `CannotTravel`.
    """
    require_possible()
    with alone(), _tasks_inline():
        position.follow()
        travel = under_way()
        if travel is None:
            return True
        try:
            return Journey(travel, report).go_on(seconds=seconds)
        except stand_ins.StandInsNotMoved as error:
            TimeTravel.objects.filter(pk=travel.pk).update(step=str(error)[:200])
            raise CannotTravel(str(error)) from error


@contextmanager
def alone() -> Iterator[None]:
    """Hold the lock, on a separate connection: rounds close the usual one after each batch."""
    own = connections.create_connection(DEFAULT_DB_ALIAS)
    try:
        with own.cursor() as cursor:
            cursor.execute(LOCK)
            if not cursor.fetchone()[0]:
                raise AlreadyTravelling("The clock is moving already.")
        yield
    finally:
        own.close()


@contextmanager
def _tasks_inline() -> Iterator[None]:
    """Run the tasks that tasks start at once and here, instead of sending them to workers."""
    # Workers have imported them at their start.
    current_app.loader.import_default_modules()
    before = current_app.conf.task_always_eager
    current_app.conf.task_always_eager = True
    try:
        with warnings.catch_warnings():
            # Celery says that tasks sent by name, which wake the workers, are still sent.
            warnings.simplefilter("ignore", AlwaysEagerIgnored)
            yield
    finally:
        current_app.conf.task_always_eager = before


class Journey:
    """The work at a journey in this process."""

    def __init__(self, travel: TimeTravel, report: Report) -> None:
        self.travel = travel
        self.report = report
        names = Provider.objects.values_list("billing_time_zone", flat=True).distinct()
        self.zones = [ZoneInfo(name) for name in names.order_by()]

    def go_on(self, *, seconds: float | None) -> bool:
        """Stop at each due instant until the end of the journey or of the seconds."""
        ends = None if seconds is None else time.monotonic() + seconds
        self._catch_up()
        while self.travel.reached_at < self.travel.to_at:
            if ends is not None and time.monotonic() > ends:
                return False
            self._make_a_stop()
            self.travel.refresh_from_db(fields=["to_at"])
        stand_ins.move(ahead(), everything=True)
        for task in arrival_tasks(schedule=schedule.TASKS):
            _run(task)
        self._catch_up()
        TimeTravel.objects.filter(pk=self.travel.pk).update(finished_at=machine_now(), step="")
        return True

    def _catch_up(self) -> None:
        """Do what is due where the clock is, also what a killed process left."""
        for task in hourly_tasks(schedule=schedule.TASKS):
            _run(task)
        _settle()

    def _make_a_stop(self) -> None:
        """Move to the next due instant and do what is due then."""
        before, planned, look_at = self.travel.reached_at, self._planned(), _next_look()
        if look_at is not None and planned.at - look_at < HOUR:
            # The hourly rounds look then.
            look_at = None
        instants = [self.travel.to_at, planned.at, look_at, _next_message()]
        at = min(instant for instant in instants if instant is not None)
        self._move(at)
        if at.date() != before.date():
            self.report(f"{at:%a %-d %b %Y}")
        tasks = planned.tasks if planned.at == at else ()
        for task in (*tasks, *(DUE_ROUNDS if look_at == at else ())):
            _run(task)
        _settle()

    def _planned(self) -> Stop:
        """The next stop by the schedule."""
        reached_at = self.travel.reached_at
        return next(
            stop
            for days in range(3)
            for stop in stops_on(
                reached_at.date() + timedelta(days=days),
                schedule=schedule.TASKS,
                zones=self.zones,
            )
            if stop.at > reached_at
        )

    def _move(self, at: datetime) -> None:
        """Move every clock to `at`, unless the work took longer than until then."""
        to_be_ahead = at - machine_now()
        moves = to_be_ahead > ahead()
        if moves:
            stand_ins.move(to_be_ahead, everything=False)
        self.travel.reached_at = at
        self.travel.step = f"{at:%A, %-d %B %Y, %H:%M} UTC"
        with transaction.atomic():
            if moves:
                # Who moves the clock stays signed in.
                further = to_be_ahead - ahead()
                Session.objects.update(expire_date=F("expire_date") + further)
                self.travel.ahead = to_be_ahead
            self.travel.save(update_fields=["reached_at", "step", "ahead"])
        if moves:
            set_ahead(to_be_ahead)
            position.bring_to(connection)


def _settle() -> None:
    """Deliver every due message, and what the alerts about it bring."""
    _deliver()
    _run(ALERTS)
    _deliver()


def _run(task: str) -> None:
    """Run a task of the schedule here; a failure is logged, and what is due stays due."""
    try:
        current_app.tasks[task]()
    except Exception:
        logger.exception("The task %s failed while the clock was moved.", task)
        close_old_connections()


def _deliver() -> None:
    """Deliver the due messages; those that a worker holds are waited for, as long as its lease."""
    ends = time.monotonic() + settings.OUTBOX_LEASE_SECONDS
    while time.monotonic() < ends:
        if deliver_due(now=timezone.now(), limit=20):
            continue
        if not _unfinished().filter(due_at__lte=timezone.now()).exists():
            return
        time.sleep(WAIT_SECONDS)


def _unfinished() -> QuerySet[OutboxMessage]:
    paused = OutboxPause.objects.values("schema_name")
    return OutboxMessage.objects.filter(finished_at=None, dead_at=None).exclude(
        schema_name__in=paused
    )


def _next_message() -> datetime | None:
    """When the next outbox message is due."""
    later = _unfinished().filter(due_at__gt=timezone.now())
    found: datetime | None = later.aggregate(at=Min("due_at"))["at"]
    return found


def _next_look() -> datetime | None:
    """When a round that looks at due providers only has to look at one again."""
    later = RoundLook.objects.filter(again_at__gt=timezone.now())
    found: datetime | None = later.aggregate(at=Min("again_at"))["at"]
    return found
