"""A provider's first quarter in Denver, from the free allowance to the third paid invoice.

All figures are calculated by hand: the price is $3.50 per user and month, without tax.

12 February   Acme has 10 users, the free allowance; the 11th is refused
13 February   a card is added; with four more, Acme has 14
1 March       February is closed: 14 users, $49.00, reached on the 13th
3 March       three more make 17
10 March      five leave: 12 (daylight saving began on the 8th)
1 April       March is closed: 17 users, $59.50, reached on the 3rd
1 May         April is closed: 12 users all month without an event, $42.00
"""

import csv
import io
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import Package, PackagePrice, Provider
from billing.choices import InvoiceKind
from billing.invoicing.month_close import MonthAlreadyClosed, MonthNotOver, close_month
from billing.models import Invoice, MonthClose
from core.months import Month
from core.outbox.delivery import deliver_due
from core.schema import provider_schema
from tenants.models import ManagedUser, Organization
from tests.billing_information import with_agreement
from tests.personas import Personas
from tests.sandbox_fixtures import StripeStandIn
from tests.usage.counting import set_policy
from usage.ledger.verify import verify_ledger

DENVER = ZoneInfo("America/Denver")
SignIn = Callable[..., Client]


def denver(month: int, day: int, hour: int = 9, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=DENVER)


class Story:
    """Two administrators of one provider, who use the pages; the test sets the time."""

    def __init__(self, provider: Provider, people: Personas, stripe: StripeStandIn) -> None:
        self.provider = provider
        self.stripe = stripe
        self.adam, self.bill = Client(), Client()
        self.adam.force_login(people.adam)
        self.bill.force_login(people.bill)
        self.organization_id = 0
        self.added = 0

    def create_organization(self, name: str) -> None:
        self.adam.post("/organizations/new/", {"name": name})
        with provider_schema(self.provider):
            self.organization_id = Organization.objects.get(name=name).pk

    def add_users(self, count: int) -> list[int]:
        """Add users by the form, one after the other; returns the status of each response."""
        statuses = []
        for _ in range(count):
            self.added += 1
            answer = self.adam.post(
                f"/organizations/{self.organization_id}/users/add/",
                {
                    "email": f"user{self.added}@acme.example",
                    "name": f"User {self.added}",
                    "seen_peak": "99",
                },
            )
            statuses.append(answer.status_code)
        return statuses

    def remove_users(self, count: int) -> None:
        with provider_schema(self.provider):
            leaving = list(ManagedUser.objects.filter(removed_at=None).order_by("id")[:count])
        for user in leaving:
            self.adam.post(f"/organizations/{self.organization_id}/users/{user.pk}/remove/")

    def put_card_on_file(self) -> None:
        """Add a card as a browser does: Stripe gets the card, the portal the id of the intent."""
        page = self.bill.get("/account/billing/card/").content.decode()
        setup = self.bill.post("/account/billing/card/setup/", with_agreement(page))
        secret = setup.json()["client_secret"]
        intent = secret.split("_secret_")[0]
        self.stripe.client().v1.setup_intents.confirm(intent, {"payment_method": "pm_card_visa"})
        self.bill.get(f"/account/billing/card/return/?setup_intent={intent}")

    def close(self, month: Month) -> MonthClose:
        run = close_month(provider=self.provider, month=month, now=timezone.now())
        while deliver_due(now=timezone.now()):
            pass
        return run

    def invoice(self, month: Month) -> Invoice:
        with provider_schema(self.provider):
            return Invoice.objects.get(month=month.first_day)


@pytest.fixture
def story(north: Provider, people: Personas, stripe_account: StripeStandIn, settings: Any) -> Story:
    settings.STRIPE_API_KEY = stripe_account.secret_key
    settings.STRIPE_API_BASE = stripe_account.url
    Provider.objects.filter(pk=north.pk).update(billing_time_zone="America/Denver")
    north.refresh_from_db()
    with provider_schema(north):
        set_policy(billing_time_zone="America/Denver")
    package = Package.objects.create(name="Workforce")
    PackagePrice.objects.create(
        package=package, currency="USD", unit_price=Decimal("3.50"), valid_from=date(2026, 1, 1)
    )
    return Story(north, people, stripe_account)


def test_a_first_quarter_is_billed_and_paid(story: Story) -> None:
    february, march, april = (Month(2026, number) for number in (2, 3, 4))

    with time_machine.travel(denver(2, 12), tick=False):
        story.create_organization("Acme Nordlicht")
        assert story.add_users(11) == [302] * 10 + [409]

    with time_machine.travel(denver(2, 13), tick=False):
        story.put_card_on_file()
        assert story.add_users(4) == [302] * 4

    with time_machine.travel(denver(2, 28, 23, 59), tick=False), pytest.raises(MonthNotOver):
        story.close(february)

    with time_machine.travel(denver(3, 1, 0, 5), tick=False):
        run = story.close(february)
        assert (run.invoices, run.total_minor) == (1, 4900)
        with pytest.raises(MonthAlreadyClosed):
            story.close(february)

    with time_machine.travel(denver(3, 3, 14, 30), tick=False):
        assert story.add_users(3) == [302] * 3
    with time_machine.travel(denver(3, 10), tick=False):
        story.remove_users(5)
    with time_machine.travel(denver(4, 1, 0, 5), tick=False):
        assert story.close(march).total_minor == 5950
    with time_machine.travel(denver(5, 1, 0, 5), tick=False):
        assert story.close(april).total_minor == 4200
        _check_invoices(story, february, march, april)


def _check_invoices(story: Story, *months: Month) -> None:
    lines = []
    with provider_schema(story.provider):
        for month in months:
            invoice = Invoice.objects.get(month=month.first_day)
            (line,) = invoice.lines.all()
            lines.append((int(line.quantity), line.peak_at, line.peak_actor_name))
            assert invoice.owed_minor == 0, "the card was charged"
            assert invoice.attempts.count() == 1
        numbers = list(Invoice.objects.order_by("id").values_list("number", flat=True))
        assert verify_ledger() == []
    assert lines == [
        (14, denver(2, 13).astimezone(UTC), "Adam Nordlicht"),
        (17, denver(3, 3, 14, 30).astimezone(UTC), "Adam Nordlicht"),
        (12, None, ""),
    ]
    assert numbers == ["NORTH-000001", "NORTH-000002", "NORTH-000003"]
    charged = story.stripe.charges()
    assert (charged["succeeded"], charged["amount_charged"]) == (3, 4900 + 5950 + 4200)
    _check_downloads(story, InvoiceKind.USAGE)


def _check_downloads(story: Story, kind: InvoiceKind) -> None:
    with provider_schema(story.provider):
        march = Invoice.objects.get(month=date(2026, 3, 1), kind=kind)
    history = story.bill.get("/account/payments/").content.decode()
    assert history.count("Paid in Full") >= 3
    address = f"/account/payments/{march.pk}/"
    pdf = story.bill.get(f"{address}invoice.pdf")
    assert pdf["Content-Type"] == "application/pdf"
    assert pdf.content.startswith(b"%PDF-")
    rows = list(
        csv.reader(io.StringIO(story.bill.get(f"{address}invoice.csv").content.decode("utf-8-sig")))
    )
    assert any("Acme Nordlicht" in row and "17" in "".join(row) for row in rows)
    assert story.adam.get(address).status_code == 403
