"""`manage.py travel`: moves the clock of a demo forward, and does what is due meanwhile."""

import logging
from argparse import ArgumentTypeError
from datetime import date, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from mtp.travel import journey
from mtp.travel.destinations import arrival, first_of_next_month

COMMAND = "manage.py travel"


class Command(BaseCommand):
    """Moves the clock; without a destination it continues a journey that was interrupted."""

    help = (
        "Moves the clock of a demo forward: every month is closed and charged, every reminder is "
        "mailed on its day. Without a destination it continues an interrupted journey."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """One destination at most."""
        where = parser.add_mutually_exclusive_group()
        where.add_argument("--to", type=_day, metavar="2026-12-01", help="to this day")
        where.add_argument("--days", type=int, help="by so many days")
        where.add_argument("--next-month", action="store_true", help="to the next 1st")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        """Travel, and say each day that begins."""
        # A line for each task that runs here says nothing more than the days.
        logging.getLogger("celery.app.trace").setLevel(logging.WARNING)
        now = timezone.now()
        try:
            to_at = _destination(options, now=now)
            if to_at is not None:
                journey.begin(to_at=to_at, by=COMMAND, now=now)
            journey.go_on(report=self.stdout.write)
        except journey.CannotTravel as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"The portal's time is {timezone.now():%a %-d %b %Y, %H:%M} UTC.")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text} is not a day: write it like 2026-12-01") from None


def _destination(options: dict[str, Any], *, now: datetime) -> datetime | None:
    if options["to"]:
        return arrival(options["to"])
    if options["days"] is not None:
        try:
            return arrival(now.date() + timedelta(days=options["days"]))
        except OverflowError:
            raise journey.CannotTravel("That many days lead out of the calendar.") from None
    return arrival(first_of_next_month(now.date())) if options["next_month"] else None
