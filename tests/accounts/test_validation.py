"""The time zones that a provider can have: Python and PostgreSQL read them alike."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from accounts.validation import time_zone_name, time_zone_names

# All versions of the time zone database agree on 2025.
INSTANTS = [datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=11 * n) for n in range(800)]


@pytest.mark.django_db
def test_postgresql_reads_every_accepted_zone_as_python_does() -> None:
    differing = []
    with connection.cursor() as cursor:
        for name in sorted(time_zone_names()):
            cursor.execute(
                "SELECT array_agg(at AT TIME ZONE %s ORDER BY at)"
                " FROM unnest(%s::timestamptz[]) at",
                [name, INSTANTS],
            )
            zone = ZoneInfo(name)
            local = [instant.astimezone(zone).replace(tzinfo=None) for instant in INSTANTS]
            if cursor.fetchone()[0] != local:
                differing.append(name)
    assert differing == []


@pytest.mark.parametrize("name", ["CET", "EET", "MET", "WET", "localtime", "Mars/Olympus", ""])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="is not a time zone"):
        time_zone_name(name)
