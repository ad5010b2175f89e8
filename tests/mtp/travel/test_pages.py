"""The page and the bar that move a demo's clock."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from core.operations.models import TimeTravel
from mtp.travel import pages
from mtp.travel.destinations import Destination
from tests.personas import Personas
from tests.sandbox_fixtures import StripeStandIn

CLOCK = "/demo/clock/"


@pytest.fixture
def sent(demo: StripeStandIn, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks that pages send."""
    sent: list[str] = []
    monkeypatch.setattr(pages.go_on, "delay", lambda: sent.append("go on"))
    return sent


def client_of(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize("destination", list(Destination))
def test_each_offered_day_begins_a_journey(
    people: Personas, sent: list[str], destination: Destination
) -> None:
    client = client_of(people.adam)
    answer = client.post(f"{CLOCK}travel/", {"destination": destination})
    assert (answer.status_code, answer["Location"]) == (302, CLOCK)
    travel = TimeTravel.objects.get()
    today = datetime.now(UTC).date()
    assert travel.to_at == datetime.combine(
        destination.day(today=today), datetime.min.time(), tzinfo=UTC
    ) + timedelta(hours=12)
    assert travel.by_name == people.adam.name
    assert sent == ["go on"]
    page = client.get(CLOCK).content.decode()
    assert "Stop here" in page
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in page
    assert 'hx-trigger="every 1s"' in page


def test_the_days_on_offer() -> None:
    days = {each: each.day(today=datetime(2026, 11, 30, tzinfo=UTC).date()) for each in Destination}
    assert {each.label: f"{day}" for each, day in days.items()} == {
        "Tomorrow": "2026-12-01",
        "The 1st": "2026-12-01",
        "30 days on": "2026-12-30",
        "45 days on": "2027-01-14",
        "A year on": "2027-11-01",
    }


@pytest.mark.parametrize(
    ("given", "status", "text"),
    [
        ({}, 422, "Choose a day."),
        ({"day": "soon"}, 422, "Enter a day, like 2026-12-01."),
        ({"day": "9999-12-31"}, 409, "Choose a day within the next 400 days."),
        ({"day": "2020-01-01"}, 409, "The clock goes forward only: choose a later day."),
        ({"destination": "yesterday"}, 422, "Choose a day."),
    ],
)
def test_what_is_not_possible_is_said_at_the_field(
    people: Personas, sent: list[str], given: dict[str, str], status: int, text: str
) -> None:
    answer = client_of(people.adam).post(f"{CLOCK}travel/", given)
    assert (answer.status_code, text in answer.content.decode()) == (status, True)
    assert not TimeTravel.objects.exists()
    assert sent == []


def test_one_journey_at_a_time(people: Personas, sent: list[str]) -> None:
    client = client_of(people.adam)
    client.post(f"{CLOCK}travel/", {"destination": "tomorrow"})
    answer = client.post(f"{CLOCK}travel/", {"destination": "first"})
    assert answer.status_code == 409
    assert TimeTravel.objects.count() == 1


def test_stopping_ends_it_where_the_clock_is(people: Personas, sent: list[str]) -> None:
    client = client_of(people.adam)
    client.post(f"{CLOCK}travel/", {"destination": "year"})
    assert client.post(f"{CLOCK}stop/").status_code == 302
    travel = TimeTravel.objects.get()
    assert travel.to_at == travel.reached_at
    assert sent == ["go on", "go on"]


def test_it_is_not_moved_without_signing_in(db: None, sent: list[str]) -> None:
    for way in ("travel/", "resume/", "stop/"):
        answer = Client().post(f"{CLOCK}{way}", {"destination": "tomorrow"})
        assert answer["Location"].startswith("/accounts/login/")
    assert Client().get(CLOCK).status_code == 302
    assert not TimeTravel.objects.exists()


def test_operations_and_a_suspended_provider_have_it_too(people: Personas, sent: list[str]) -> None:
    people.north.outstanding_from = timezone.now()
    people.north.save()
    for user in (people.staff, people.rita):
        assert client_of(user).get(CLOCK).status_code == 200
    today = client_of(people.staff).get("/operations/").content.decode()
    assert CLOCK in today


def test_the_bar_is_on_every_page_of_a_demo(people: Personas, sent: list[str]) -> None:
    page = client_of(people.adam).get("/dashboard/").content.decode()
    assert 'id="demo-bar"' in page
    assert all(f'value="{each}"' in page for each in Destination)
