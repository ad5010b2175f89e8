"""A journey does everything due at its instant, in order and once, also after a kill."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from billing.models import DunningStep, Invoice, MonthClose
from core.operations.models import TimeTravel
from core.schema import provider_schema
from mtp.travel import journey
from tests.billing.conftest import BillingScenario
from tests.personas import Personas
from tests.sandbox_fixtures import StripeStandIn
from usage.ledger.verify import verify_ledger
from usage.models import DailySnapshot

BEGINS = datetime(2026, 10, 29, 12, tzinfo=UTC)
ENDS = datetime(2026, 12, 17, 12, tzinfo=UTC)


@pytest.fixture
def story(people: Personas, demo: StripeStandIn) -> Iterator[BillingScenario]:
    """North on 29 October with three users and a card that every bank declines."""
    with time_machine.travel(BEGINS, tick=True):
        scenario = BillingScenario(provider=people.north, stripe=demo)
        with provider_schema(people.north):
            scenario.card("pm_card_chargeCustomerFail")
            scenario.organization(users=3)
        yield scenario


def begin(to_at: datetime = ENDS) -> TimeTravel:
    return journey.begin(to_at=to_at, by="Sam", now=timezone.now())


def test_an_unpaid_month_leads_to_a_suspension_on_its_days(
    story: BillingScenario, people: Personas
) -> None:
    client = Client()
    client.force_login(people.bill)
    begin()
    assert not journey.go_on(seconds=0), "another process continues"
    assert journey.go_on()
    travel = TimeTravel.objects.get()
    assert (travel.by_name, travel.reached_at) == ("Sam", ENDS)
    assert travel.finished_at is not None
    assert timedelta(0) <= timezone.now() - ENDS < timedelta(minutes=10)
    with provider_schema(story.provider):
        closes = MonthClose.objects.order_by("month").values_list("month", "issued_at__date")
        assert list(closes) == [
            (date(2026, 10, 1), date(2026, 11, 1)),
            (date(2026, 11, 1), date(2026, 12, 1)),
        ]
        first = Invoice.objects.order_by("id")[0]
        tried = first.attempts.order_by("id").values_list("created_at__date", flat=True)
        assert [day.day for day in tried] == [1, 2, 4, 6, 8]
        steps = DunningStep.objects.order_by("id").values_list("step", "at__date")
        assert list(steps) == [
            ("outstanding", date(2026, 11, 1)),
            ("thirty_days", date(2026, 12, 1)),
            ("suspended", date(2026, 12, 16)),
        ]
        days = set(DailySnapshot.objects.values_list("day", flat=True))
        assert days >= {date(2026, 10, 30) + timedelta(days=n) for n in range(48)}
        assert verify_ledger() == []
    ages = Session.objects.values_list("expire_date", flat=True)
    assert min(ages) > timezone.now(), "who moved the clock stays signed in"
    seconds = story.stripe.control("GET", "health")["now"] - datetime.now(UTC).timestamp()
    assert seconds > timedelta(days=48).total_seconds() - 3600, "Stripe's clock followed"


def test_a_killed_journey_continues_where_the_clock_is(
    story: BillingScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(datetime(2026, 11, 2, 12, tzinfo=UTC))
    with monkeypatch.context() as patched:
        patched.setattr(journey.Journey, "_make_a_stop", _killed)
        with pytest.raises(KeyboardInterrupt):
            journey.go_on()
    assert journey.under_way() is not None
    assert journey.go_on()
    with provider_schema(story.provider):
        assert Invoice.objects.count() == 1
    assert journey.under_way() is None
    assert journey.go_on(), "there is nothing left to do"


def test_one_process_at_a_time(story: BillingScenario) -> None:
    begin(BEGINS + timedelta(days=1))
    with journey.alone(), pytest.raises(journey.AlreadyTravelling):
        journey.go_on()
    with pytest.raises(journey.AlreadyTravelling):
        begin()


def _killed(_: object) -> None:
    raise KeyboardInterrupt
