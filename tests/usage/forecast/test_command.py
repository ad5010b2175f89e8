"""Forecasts of past months tried by command and by schedule."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command

from accounts.models import Provider
from core.schema import provider_schema
from tenants.models import ManagedUser, MeteringPolicy, Organization
from usage import tasks
from usage.models import ForecastTrial

NOW = datetime(2026, 9, 2, tzinfo=UTC)
BEGIN = datetime(2026, 1, 1, 9, tzinfo=UTC)


def grow(provider: Provider) -> None:
    with provider_schema(provider):
        MeteringPolicy.objects.update(free_user_limit=None)
        acme = Organization.objects.create(name="Acme", created_at=BEGIN)
        ManagedUser.objects.bulk_create(
            ManagedUser(
                organization=acme,
                email=f"u{week}@acme.example",
                added_at=BEGIN + timedelta(weeks=week),
            )
            for week in range(34)
        )


@time_machine.travel(NOW, tick=False)
def test_the_command_prints_a_line_for_each_day(north: Provider) -> None:
    grow(north)
    out = StringIO()
    call_command("backtest_forecast", "--provider", "north", stdout=out)
    head, names, *days = out.getvalue().splitlines()
    assert head.startswith("Mean errors in users")
    assert names.split()[0] == "day"
    assert [line.split()[:2] for line in days] == [
        [day, "5"] for day in ("1", "5", "10", "15", "20", "25")
    ]


def test_the_command_says_what_is_missing(north: Provider) -> None:
    with pytest.raises(CommandError, match="No active provider"):
        call_command("backtest_forecast", "--provider", "unknown")
    with pytest.raises(CommandError, match="four months"):
        call_command("backtest_forecast", "--provider", "north")


@time_machine.travel(NOW, tick=False)
def test_the_schedule_tries_each_month_once(north: Provider, south: Provider) -> None:
    grow(north)
    assert tasks.backtest_forecasts_of([north.pk, south.pk]) == 5
    assert tasks.backtest_forecasts_of([north.pk, south.pk]) == 0
    with provider_schema(south):
        assert not ForecastTrial.objects.exists()
    with provider_schema(north):
        months = set(ForecastTrial.objects.values_list("month__month", flat=True))
    assert months == {4, 5, 6, 7, 8}
