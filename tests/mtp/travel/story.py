"""A small demo for journeys of the clock: North has users, a card and a mapped PSA contract."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Provider
from billing.gateway import client as gateway
from billing.models import ChargeAttempt, DunningStep
from billing.payments.cards import adopt_card, begin_card_setup
from core.actors import Actor
from core.months import Month
from core.operations.models import TimeTravel
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from mtp.travel import journey, position, stand_ins
from mtp.travel.destinations import arrival
from tenants.models import MeteringPolicy, Organization
from tests.autotask_fixtures import AutotaskStandIn
from tests.integrations.psa_scenario import PsaScenario
from tests.personas import Personas
from tests.sandbox_fixtures import StripeStandIn

BILL = Actor(id=None, name="Bill")
PRICE = Decimal("3.50")
FINE, DECLINING = "pm_card_visa", "pm_card_chargeCustomerFail"
MAILS = ("mail.send", "billing.document_mail")


class Story:
    """What people do between two journeys, and what the rows say of these.

    `steps`, `attempts` and `mails` count the days from the first close.
    """

    def __init__(
        self, provider: Provider, people: Personas, stripe: StripeStandIn, psa: AutotaskStandIn
    ) -> None:
        self.provider, self.stripe = provider, stripe
        self.bill = people.bill
        month_end = Month.of_day(timezone.now().date()).next.first_day
        _begin_at(arrival(month_end - timedelta(days=2)))
        self.first_day = timezone.now().date()
        Provider.objects.filter(pk=provider.pk).update(closes_automatically=True)
        with provider_schema(provider):
            MeteringPolicy.objects.update(free_user_limit=None)
            self.psa = PsaScenario(provider=provider, stand_in=psa, now=timezone.now())
            self.psa.contract(unit_price=PRICE, starts_on=self.month(1).first_day)
            self.psa.connect()
            self.acme = Organization.objects.create(name="Acme", created_at=timezone.now())
            self.psa.map(self.acme, number=0)

    def month(self, number: int) -> Month:
        """The number-th month that is closed, from 1."""
        return Month.of_day(self.first_day).plus(months=number - 1)

    def day(self, number: int, days: int = 0) -> date:
        """So many days after the number-th close."""
        return self.month(number).next.first_day + timedelta(days=days)

    def noon(self, day: date) -> datetime:
        """When the clock arrives there."""
        return arrival(day)

    def days_to(self, day: date) -> int:
        """The days from the first close."""
        return (day - self.day(1)).days

    def travel(self, day: date) -> None:
        """Move the clock to noon of a day."""
        journey.begin(to_at=arrival(day), by="Sam", now=timezone.now())
        assert journey.go_on()

    def join(self, count: int) -> None:
        """Add users to Acme."""
        with provider_schema(self.provider):
            self.psa.join(self.acme, count, at=timezone.now())

    def card(self, card: str) -> None:
        """Put a card on file, as the card page does; its invoices are charged."""
        self.provider.refresh_from_db()
        with provider_schema(self.provider):
            secret = begin_card_setup(provider=self.provider, actor=BILL)
            intent = secret.partition("_secret_")[0]
            gateway.client().v1.setup_intents.confirm(intent, {"payment_method": card})
            adopt_card(provider=self.provider, setup_intent_id=intent, now=timezone.now())

    def answer(self, address: str) -> int:
        """The status that the billing administrator gets, whose session began now."""
        client = Client()
        client.force_login(self.bill)
        return client.get(address).status_code

    def attempts(self) -> list[tuple[int, str, str]]:
        """The charges of the declining card: day, outcome, and the invoice's number."""
        attempts = ChargeAttempt.objects.order_by("created_at").select_related("invoice")
        return [
            (
                self.days_to(each.created_at.date()),
                "declined" if each.state == ChargeAttempt.State.FAILED else "paid",
                each.invoice.number[-1],
            )
            for each in attempts
        ]

    def steps(self) -> list[tuple[int, str]]:
        """The dunning steps."""
        steps = DunningStep.objects.order_by("at")
        return [(self.days_to(each.at.date()), str(each.step)) for each in steps]

    def mails(self) -> list[tuple[int, str]]:
        """The mails that were sent, by day and subject."""
        sent = OutboxMessage.objects.filter(topic__in=MAILS, finished_at__isnull=False)
        return sorted(
            (self.days_to(each.finished_at.date()), each.payload["subject"])
            for each in sent
            if each.finished_at
        )


def _begin_at(at: datetime) -> None:
    """Move the clock there at once, if it is not later already; nothing has happened before."""
    now = timezone.now()
    ahead = max(at - now, timedelta(0))
    TimeTravel.objects.create(
        by_name="Sam",
        began_at=now,
        to_at=now + ahead,
        reached_at=now + ahead,
        ahead=ahead,
        finished_at=now,
    )
    position.follow()
    stand_ins.move(ahead, everything=True)


class Killed(BaseException):
    """The process died here."""


class Killer:
    """Kills the process once at each of these points of a day: right behind the call of each."""

    def __init__(self, day: date, monkeypatch: pytest.MonkeyPatch) -> None:
        self.day, self.monkeypatch = day, monkeypatch
        self.deaths: list[str] = []

    def after(self, module: Any, name: str, point: Callable[..., str]) -> None:
        """Die behind this function, once for each text that `point` gives its arguments."""
        real = getattr(module, name)

        def deadly(*args: Any, **kwargs: Any) -> Any:
            result = real(*args, **kwargs)
            self._die(point(*args, **kwargs))
            return result

        self.monkeypatch.setattr(module, name, deadly)

    def after_each_message(self) -> None:
        """Die behind each delivered message of the outbox."""
        real, delivered = journey.deliver_due, 0

        def deadly(*, now: datetime, limit: int) -> int:
            nonlocal delivered
            taken = int(real(now=now, limit=1))
            if taken:
                delivered += 1
                self._die(f"message {delivered}")
            return taken

        self.monkeypatch.setattr(journey, "deliver_due", deadly)

    def after_the_call_of_stripe(self) -> None:
        """Die when Stripe has charged the card and the portal has not yet heard of it."""
        self.after(
            type(gateway.client().v1.payment_intents), "create", lambda *_: "the call of Stripe"
        )

    def _die(self, point: str) -> None:
        if timezone.now().date() == self.day and point not in self.deaths:
            self.deaths.append(point)
            raise Killed(point)
