"""The triggers' month of an instant is Python's, at and around every boundary."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from core.months import Month, day_ends_at, day_starts_at
from tests.core.test_months import MONTHS, TICK, ZONES

AROUND = [timedelta(0), TICK, timedelta(hours=1), timedelta(hours=2), timedelta(hours=12)]
# Governments change rules from here on, and the two tables need not be of the same day.
NEWS = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("name", ZONES)
def test_months_and_days_agree(db: None, name: str) -> None:
    zone = ZoneInfo(name)
    instants = sorted(
        {
            month.starts_at(zone) + sign * span
            for month in MONTHS
            for span in AROUND
            for sign in (1, -1)
        }
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT date_trunc('month', i AT TIME ZONE %(zone)s)::date, i AT TIME ZONE %(zone)s"
            " FROM unnest(%(instants)s::timestamptz[]) WITH ORDINALITY u(i, n) ORDER BY n",
            {"zone": name, "instants": instants},
        )
        rows = cursor.fetchall()
    for instant, (first_day, local) in zip(instants, rows, strict=True):
        if instant.astimezone(zone).replace(tzinfo=None) != local:
            assert instant >= NEWS, f"the tables of {name} differ at {instant}"
            continue
        assert Month.of(instant, zone).first_day == first_day
        day = local.date()
        start, end = day_starts_at(day=day, zone=zone), day_ends_at(day=day, zone=zone)
        assert start <= instant < end
