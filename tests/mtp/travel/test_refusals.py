"""Production's clock is never moved: not by a setting, a call, a command, a page."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from core.operations.models import TimeTravel
from mtp import production
from mtp.travel import journey
from tests.mtp.production_settings import COMPLETE, start
from tests.personas import Personas
from tests.sandbox_fixtures import StripeStandIn

REFUSAL = "Only a demo's clock is moved: production runs by the real time."
WAYS = ("travel/", "resume/", "stop/")


def begin() -> None:
    now = timezone.now()
    journey.begin(to_at=now + timedelta(days=2), by="Sam", now=now)


@pytest.mark.parametrize("value", ["true", "1", "yes"])
def test_production_does_not_start_with_the_setting(value: str) -> None:
    environment = {**COMPLETE, "TIME_TRAVEL": value}
    assert production.faults(lambda name: environment.get(name, "")) == [
        "TIME_TRAVEL must be off in production: the clock of real invoices is never moved."
    ]
    run = start(environment)
    assert run.returncode == 1
    assert "TIME_TRAVEL must be off in production" in run.stderr


def test_production_has_neither_command_nor_page_nor_another_clock() -> None:
    run = start(COMPLETE, "manage.py", "travel", "--days", "1")
    assert run.returncode == 1
    assert "Unknown command: 'travel'" in run.stderr
    script = (
        "import os, sys, django\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'mtp.settings'\n"
        "django.setup()\n"
        "from django.urls import NoReverseMatch, reverse\n"
        "from django.utils import timezone\n"
        "try: reverse('demo_clock')\n"
        "except NoReverseMatch: print(timezone.now.__code__.co_filename.split('/')[-1],\n"
        "    [name for name in sys.modules if 'travel' in name])"
    )
    assert start(COMPLETE, "-c", script).stdout == "timezone.py []\n"


@pytest.mark.parametrize(
    "changed", [{"IS_PRODUCTION": True}, {"TIME_TRAVEL": False}], ids=["production", "switched off"]
)
def test_every_way_is_refused(
    people: Personas, demo: StripeStandIn, settings: Any, changed: dict[str, bool]
) -> None:
    begin()
    for name, value in changed.items():
        setattr(settings, name, value)
    for call in (begin, journey.go_on, journey.stop):
        with pytest.raises(journey.CannotTravel, match=REFUSAL):
            call()
    with pytest.raises(CommandError, match=REFUSAL):
        call_command("travel", "--days", "1", stdout=StringIO())
    client = Client()
    client.force_login(people.staff)
    assert client.get("/demo/clock/").status_code == 404
    for way in WAYS:
        assert client.post(f"/demo/clock/{way}", {"destination": "tomorrow"}).status_code == 404
    assert TimeTravel.objects.count() == 1
    assert b'id="demo-bar"' not in client.get("/profile/").content


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STRIPE_API_BASE", "https://api.stripe.com"),
        ("AUTOTASK_BASE_URL", "https://webservices.autotask.net/atservicesrest"),
        ("STANDIN_CONTROL_KEY", ""),
    ],
)
def test_the_real_stripe_and_autotask_do_not_follow(
    db: None, demo: StripeStandIn, settings: Any, name: str, value: str
) -> None:
    setattr(settings, name, value)
    with pytest.raises(journey.CannotTravel, match="do not follow the clock"):
        begin()
    assert not TimeTravel.objects.exists()


def test_more_than_one_database_does_not_follow(
    db: None, demo: StripeStandIn, settings: Any
) -> None:
    settings.DATABASE_SERVERS = [2]
    with pytest.raises(journey.CannotTravel, match="one database"):
        begin()
