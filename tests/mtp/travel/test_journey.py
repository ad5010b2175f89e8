"""A provider's months from today, made by the clock: everything due happens in order, and once.

Acme has users at $3.50 and a service in the PSA. Days count from the first close:

month 1   12 users, $42.00: the card declines; retries on days 1, 3, 5 and 7; 30 days late on day
          30, suspended on day 45
month 2   15 users, $52.50, on the same card; a new card on day 46 pays both invoices
month 3   15 users, $52.50, charged on the 1st
"""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import Provider
from billing.models import ChargeAttempt, Invoice, MonthClose
from billing.models.invoice_amounts import Status
from billing.verification.verify import verify_month
from core.operations.models import OperationsAlert, TimeTravel
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from integrations.models import SyncRun
from mtp.travel import journey, stand_ins
from tenants.models import Alert
from tests.autotask_fixtures import AutotaskStandIn
from tests.mtp.travel.story import DECLINING, FINE, Killed, Killer, Story
from tests.personas import Personas
from tests.sandbox_fixtures import StripeStandIn
from usage.ledger.verify import verify_ledger
from usage.models import SnapshotRun

FAILED = "Your card could not be charged for invoice NORTH-00000"


@pytest.fixture
def story(
    north: Provider, people: Personas, demo: StripeStandIn, autotask_stand_in: AutotaskStandIn
) -> Story:
    """The clock is at the last day but one of the running month, and Acme has 12 users."""
    story = Story(north, people, demo, autotask_stand_in)
    story.join(12)
    return story


def test_three_months_from_today(story: Story) -> None:
    story.card(DECLINING)
    story.travel(story.day(1, 8))
    story.join(3)
    story.travel(story.day(1, 46))
    _check_the_arrears(story)
    assert story.answer("/organizations/") == 403, "suspended"

    story.card(FINE)
    story.travel(story.day(3))
    assert story.answer("/organizations/") == 200
    _check_the_end(story)


def _check_the_arrears(story: Story) -> None:
    second = story.days_to(story.day(2))
    attempts = [(day, "declined", "1") for day in (0, 1, 3, 5, 7)]
    attempts += [(second + day, "declined", "2") for day in (0, 1, 3, 5, 7)]
    with provider_schema(story.provider):
        assert story.attempts() == attempts
        assert story.steps() == [(0, "outstanding"), (30, "thirty_days"), (45, "suspended")]
        causes = set(Alert.objects.filter(resolved_at=None).values_list("rule", flat=True))
        assert {"charges", "dunning"} <= causes
    mails = [
        (0, "Your account has an outstanding balance"),
        *((day, f"{FAILED}{number}") for day, _, number in attempts),
        (30, "Your balance has been outstanding for 30 days"),
        (45, "Your account is suspended"),
    ]
    assert story.mails() == sorted(mails)


def _check_the_end(story: Story) -> None:
    with provider_schema(story.provider):
        invoices = Invoice.objects.order_by("pk")
        assert [(each.total_minor, each.status) for each in invoices] == [
            (amount, Status.PAID) for amount in (4200, 5250, 5250)
        ]
        days = list(SnapshotRun.objects.order_by("day").values_list("day", "differences"))
        today = story.day(3)
        passed = (today - story.first_day).days
        assert days == [(today - timedelta(days=n), 0) for n in range(passed, 0, -1)]
        assert [run.month for run in MonthClose.objects.order_by("pk")] == [
            story.month(number).first_day for number in range(1, 4)
        ]
        assert verify_ledger() == []
        assert story.psa.units(day=today) == 15
        assert not Alert.objects.filter(resolved_at=None).exists()
    assert story.mails()[-1][1].startswith("Payment received")
    assert "Access to your account is restored" in [subject for _, subject in story.mails()]
    charged = story.stripe.charges()
    assert (charged["succeeded"], charged["amount_charged"]) == (3, 4200 + 2 * 5250)
    for number in range(1, 4):
        month = story.month(number)
        assert verify_month(provider=story.provider, month=month, renders=False).differences == []
    assert not OperationsAlert.objects.filter(settled_at=None).exists()
    assert not OutboxMessage.objects.filter(dead_at__isnull=False).exists()


def test_the_order_of_the_first(story: Story) -> None:
    """Snapshot, close, charge, receipt; the PSA after the snapshot that it follows."""
    story.card(FINE)
    story.travel(story.day(1))
    with provider_schema(story.provider):
        snapshot = SnapshotRun.objects.latest("day")
        close, invoice = MonthClose.objects.get(), Invoice.objects.get()
        attempt = ChargeAttempt.objects.get()
        sync = SyncRun.objects.latest("day")
        receipt = OutboxMessage.objects.get(payload__subject__startswith="Payment received")
        assert (snapshot.day, sync.day) == (story.day(1, -1), story.day(1, -1))
        assert (invoice.total_minor, invoice.status) == (4200, Status.PAID)
        assert story.psa.units(day=story.day(1)) == 12
    order = [
        snapshot.started_at,
        snapshot.finished_at,
        close.started_at,
        close.issued_at,
        attempt.created_at,
        attempt.finished_at,
        receipt.finished_at,
    ]
    assert order == sorted(order)
    assert {at.date() for at in order} == {story.day(1)}
    assert sync.created_at > snapshot.finished_at
    (charge,) = story.stripe.client().v1.charges.list().data
    assert charge.amount == 4200
    assert charge.created >= int(attempt.created_at.timestamp()), "Stripe's clock follows"


def test_a_journey_that_is_killed_again_and_again_does_nothing_twice(
    story: Story, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    # The message of a killed process is waited for until its lease ends.
    settings.OUTBOX_LEASE_SECONDS = 1
    story.card(FINE)
    killer = Killer(story.day(1), monkeypatch)
    killer.after(stand_ins, "move", lambda *_, **__: "the stand-ins moved")
    killer.after(journey, "set_ahead", lambda _: "the clock moved")
    killer.after(journey, "_run", lambda task: task)
    killer.after_each_message()
    killer.after_the_call_of_stripe()
    journey.begin(to_at=story.noon(story.day(1)), by="Sam", now=timezone.now())
    while not _goes_on():
        pass

    assert len(killer.deaths) > 12, killer.deaths
    assert "the call of Stripe" in killer.deaths
    travel = TimeTravel.objects.latest("pk")
    assert (travel.reached_at, travel.finished_at is not None) == (travel.to_at, True)
    with provider_schema(story.provider):
        assert [each.status for each in Invoice.objects.all()] == [Status.PAID]
        assert MonthClose.objects.count() == 1
        assert verify_ledger() == []
        assert story.psa.units(day=story.day(1)) == 12
    charged = story.stripe.charges()
    assert (charged["succeeded"], charged["amount_charged"]) == (1, 4200)
    assert [each.subject for each in mail.outbox] == ["Payment received for invoice NORTH-000001"]


def _goes_on() -> bool:
    try:
        return journey.go_on()
    except Killed:
        return False


def test_a_second_journey_is_refused(story: Story) -> None:
    def begin() -> None:
        now = timezone.now()
        journey.begin(to_at=story.noon(story.day(1)), by="Sam", now=now)

    begin()
    with pytest.raises(journey.AlreadyTravelling):
        begin()
    before = timezone.now()
    with journey.alone():
        refused: list[Callable[[], object]] = [
            journey.go_on,
            lambda: call_command("travel", stdout=StringIO()),
        ]
        for call in refused:
            with pytest.raises((journey.AlreadyTravelling, CommandError), match="moving already"):
                call()
    assert timezone.now() - before < timedelta(hours=1), "the clock stands"
    assert TimeTravel.objects.latest("pk").finished_at is None
