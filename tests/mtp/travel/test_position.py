"""Every process follows the portal's clock, and so does what PostgreSQL refuses as the future."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import Error, connection
from django.test import Client
from django.utils import timezone

from core import clock
from core.operations.models import TimeTravel
from core.schema import provider_schema
from mtp.travel import position
from tenants.models import ManagedUser, Organization
from tests.personas import Personas
from tests.sandbox_fixtures import StripeStandIn

AHEAD = timedelta(days=40)
MIDDLEWARE = "mtp.travel.middleware.ClockMiddleware"


def moved(ahead: timedelta = AHEAD) -> TimeTravel:
    now = datetime.now(UTC)
    return TimeTravel.objects.create(
        by_name="Sam", began_at=now, to_at=now + ahead, reached_at=now + ahead, ahead=ahead
    )


def days_ahead() -> float:
    return round((timezone.now() - datetime.now(UTC)) / timedelta(days=1), 3)


def test_the_last_row_is_the_clock(people: Personas, demo: StripeStandIn) -> None:
    position.follow()
    assert days_ahead() == 0
    TimeTravel.objects.filter(pk=moved(timedelta(days=3)).pk).update(finished_at=datetime.now(UTC))
    moved()
    position.follow()
    assert days_ahead() == 40


def test_a_request_follows(people: Personas, demo: StripeStandIn, settings: Any) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:7], MIDDLEWARE, *settings.MIDDLEWARE[7:]]
    moved()
    client = Client()
    client.force_login(people.adam)
    page = client.get("/demo/clock/").content.decode()
    assert f"{datetime.now(UTC) + AHEAD:%-d %B %Y}" in page
    assert days_ahead() == 40


def test_probes_are_answered_without_the_database(
    people: Personas, demo: StripeStandIn, settings: Any, django_assert_num_queries: Any
) -> None:
    settings.MIDDLEWARE = [MIDDLEWARE, *settings.MIDDLEWARE]
    with django_assert_num_queries(0):
        assert Client().get("/live").status_code == 200


def test_usage_is_refused_beyond_the_clock_of_the_portal_and_not_before_it(
    people: Personas, demo: StripeStandIn
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('mtp.clock', '', false)")
    with provider_schema(people.north):
        organization = Organization.objects.create(name="Acme")

        def add(at: datetime) -> None:
            ManagedUser.objects.create(
                organization=organization, email=f"{at:%f}@acme.example", name="A", added_at=at
            )

        there = datetime.now(UTC) + AHEAD
        with pytest.raises(Error, match="more than five minutes in the future"):
            _in_savepoint(lambda: add(there))
        moved()
        position.follow()
        add(there + timedelta(minutes=4))
        with pytest.raises(Error, match="more than five minutes in the future"):
            _in_savepoint(lambda: add(there + timedelta(minutes=6)))


def test_a_new_connection_is_brought_along(people: Personas, demo: StripeStandIn) -> None:
    clock.set_ahead(AHEAD)
    position.bring_to(connection)
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('mtp.clock')::timestamptz - clock_timestamp()")
        (shift,) = cursor.fetchone()
    assert abs(shift - AHEAD) < timedelta(seconds=30)


def test_the_first_reading_of_a_process_looks(demo: StripeStandIn) -> None:
    clock.look_first(lambda: clock.set_ahead(AHEAD))
    assert days_ahead() == 40
    clock.set_ahead(timedelta(0))
    assert days_ahead() == 0, "once"


def _in_savepoint(work: Any) -> None:
    from django.db import transaction

    with transaction.atomic():
        work()
