"""Fourteen months in Berlin, January 2025 to February 2026, with figures calculated by hand.

Pay-as-you-go at $3.35 to August, then 20 users committed at $2.45; VAT 19 % on the whole invoice.

             Acme                                        Bergen                         billed
2025-01  12  twelve join on the 10th                                                    12
2025-02  12  carried in, no changes                                                     12
2025-03  15  three for one second of the 30th,      8  eight in the month's last        23
             as daylight saving begins                  second
2025-04  12                                         10  two at the first instant        22
2025-05  12  four leave at the first instant        10                                  22
2025-06   9  nine twice: the 5th, again the 20th    10                                  19
2025-07   9  one leaves, another joins              15  five for a day                  24
2025-08   9                                         10                                  19
2025-09   9                                         10                                  19 of 20
2025-10   9                                         14  four from the first half past   23: 3 over
                                                        two to the second
2025-11   9                                         10                                  19
2025-12  11  two in the year's last second          10                                  21: 1 over
2026-01  11                                         10                                  21: 1 over
2026-02  11                                         10  the organization is removed     21: 1 over

Devices, not billed: Acme has three from 15 June on, five on 24 December, four after it.
"""

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import Package, PackagePrice, Provider
from billing.choices import ContractKind
from billing.invoicing.month_close import close_month
from billing.models import BillingProfile, Contract, Invoice
from core.metrics import Metric
from core.months import Month
from core.outbox.delivery import deliver_due
from core.schema import provider_schema
from tenants.models import Device, ManagedUser, Organization
from tenants.organizations.lifecycle import remove_organization
from tests.billing.conftest import BILL
from tests.billing_information import with_agreement
from tests.personas import Personas
from tests.sandbox_fixtures import StripeStandIn
from tests.usage.counting import add, add_devices, remove, set_policy
from usage.explain.peaks import explain_month
from usage.ledger.month_peaks import high_water_marks
from usage.ledger.verify import verify_ledger

BERLIN = ZoneInfo("Europe/Berlin")
FIRST = Month(2025, 1)
MONTHS = [FIRST.plus(months=number) for number in range(14)]

ACME = (12, 12, 15, 12, 12, 9, 9, 9, 9, 9, 9, 11, 11, 11)
BERGEN = (0, 0, 8, 10, 10, 10, 15, 10, 10, 14, 10, 10, 10, 10)
ACME_DEVICES = (0, 0, 0, 0, 0, 3, 3, 3, 3, 3, 3, 5, 4, 4)

# Net, VAT and gross in cents, an invoice each, in the order of issue.
INVOICES = [
    ("2025-01", "usage", 4020, 764, 4784),  # 12 x 3.35; 7.638 of tax
    ("2025-02", "usage", 4020, 764, 4784),
    ("2025-03", "usage", 7705, 1464, 9169),  # 50.25 + 26.80; 14.6395
    ("2025-04", "usage", 7370, 1400, 8770),  # 40.20 + 33.50; 14.003
    ("2025-05", "usage", 7370, 1400, 8770),
    ("2025-06", "usage", 6365, 1209, 7574),  # 30.15 + 33.50; 12.0935
    ("2025-07", "usage", 8040, 1528, 9568),  # 30.15 + 50.25; 15.276
    ("2025-08", "usage", 6365, 1209, 7574),
    ("2025-09", "commitment", 4900, 931, 5831),  # 20 x 2.45
    ("2025-10", "commitment", 4900, 931, 5831),
    ("2025-10", "overage", 735, 140, 875),  # 3 x 2.45; 1.3965
    ("2025-11", "commitment", 4900, 931, 5831),
    ("2025-12", "commitment", 4900, 931, 5831),
    ("2025-12", "overage", 245, 47, 292),  # 0.4655
    ("2026-01", "commitment", 4900, 931, 5831),
    ("2026-01", "overage", 245, 47, 292),
    ("2026-02", "commitment", 4900, 931, 5831),
    ("2026-02", "overage", 245, 47, 292),
]

# 609.93 to August, six commitments of 58.31, and 8.75 + 3 x 2.92 of overage.
PAID = 60_993 + 34_986 + 1_751

# Peak, its instant, the count before it and the second-highest peak, for months with changes.
ACME_PEAKS = {
    "2025-01": (12, datetime(2025, 1, 10, 8, tzinfo=UTC), 11, None),
    "2025-02": (12, None, None, None),
    "2025-03": (15, datetime(2025, 3, 30, 0, 59, 59, tzinfo=UTC), 14, None),
    "2025-05": (12, None, None, None),
    "2025-06": (9, datetime(2025, 6, 5, 7, tzinfo=UTC), 8, 9),
    "2025-07": (9, None, None, 9),
    "2025-12": (11, datetime(2025, 12, 31, 22, 59, 59, tzinfo=UTC), 10, None),
    "2026-01": (11, None, None, None),
}
BERGEN_PEAKS = {
    "2025-03": (8, datetime(2025, 3, 31, 21, 59, 59, tzinfo=UTC), 7, None),
    "2025-04": (10, datetime(2025, 3, 31, 22, 0, tzinfo=UTC), 9, None),
    "2025-07": (15, datetime(2025, 7, 15, 7, tzinfo=UTC), 14, None),
    "2025-10": (14, datetime(2025, 10, 26, 0, 30, tzinfo=UTC), 13, None),
    "2026-02": (10, None, None, None),
}


def berlin(year: int, month: int, day: int) -> datetime:
    """Nine in the morning in Berlin."""
    return datetime(year, month, day, 9, tzinfo=BERLIN).astimezone(UTC)


class Story:
    """One provider with a card, whose months pass one after the other."""

    def __init__(self, provider: Provider, people: Personas, stripe: StripeStandIn) -> None:
        self.provider, self.stripe = provider, stripe
        self.bill = Client()
        self.bill.force_login(people.bill)
        self.acme_users: list[ManagedUser] = []

    def put_card_on_file(self) -> None:
        page = self.bill.get("/account/billing/card/").content.decode()
        setup = self.bill.post("/account/billing/card/setup/", with_agreement(page))
        secret = setup.json()["client_secret"]
        intent = secret.split("_secret_")[0]
        self.stripe.client().v1.setup_intents.confirm(intent, {"payment_method": "pm_card_visa"})
        self.bill.get(f"/account/billing/card/return/?setup_intent={intent}")

    def close(self, month: Month) -> None:
        with time_machine.travel(month.ends_at(BERLIN), tick=False):
            close_month(provider=self.provider, month=month, now=timezone.now())
            while deliver_due(now=timezone.now()):
                pass

    def apply_changes(self, month: Month) -> None:
        """Apply the month's changes, as in the table above."""
        match str(month):
            case "2025-01":
                self.acme = Organization.objects.create(name="Acme", created_at=berlin(2025, 1, 5))
                self.acme_users = add(self.acme, *[berlin(2025, 1, 10)] * 12)
            case "2025-03":
                three = add(self.acme, *[datetime(2025, 3, 30, 0, 59, 59, tzinfo=UTC)] * 3)
                remove(three, datetime(2025, 3, 30, 1, tzinfo=UTC))
                self.bergen = Organization.objects.create(
                    name="Bergen", created_at=berlin(2025, 3, 31)
                )
                last_second = datetime(2025, 3, 31, 21, 59, 59, tzinfo=UTC)
                add(self.bergen, *[last_second] * 8)
            case "2025-04":
                add(self.bergen, *[month.starts_at(BERLIN)] * 2)
            case "2025-05":
                remove(self.acme_users[:4], month.starts_at(BERLIN))
            case "2025-06":
                ninth = add(self.acme, berlin(2025, 6, 5))
                remove(ninth, berlin(2025, 6, 6))
                add_devices(self.acme, *[berlin(2025, 6, 15)] * 3)
                add(self.acme, berlin(2025, 6, 20))
            case "2025-07":
                remove(self.acme_users[4:5], berlin(2025, 7, 3))
                add(self.acme, berlin(2025, 7, 4))
                five = add(self.bergen, *[berlin(2025, 7, 15)] * 5)
                remove(five, berlin(2025, 7, 16))
            case "2025-10":
                four = add(self.bergen, *[datetime(2025, 10, 26, 0, 30, tzinfo=UTC)] * 4)
                remove(four, datetime(2025, 10, 26, 1, 30, tzinfo=UTC))
            case "2025-12":
                two = add_devices(self.acme, *[berlin(2025, 12, 24)] * 2)
                Device.objects.filter(pk=two[0].pk).update(removed_at=berlin(2025, 12, 27))
                add(self.acme, *[datetime(2025, 12, 31, 22, 59, 59, tzinfo=UTC)] * 2)
            case "2026-02":
                remove_organization(organization=self.bergen, actor=BILL, now=berlin(2026, 2, 10))


@pytest.fixture
def story(north: Provider, people: Personas, stripe_account: StripeStandIn, settings: Any) -> Story:
    settings.STRIPE_API_KEY = stripe_account.secret_key
    settings.STRIPE_API_BASE = stripe_account.url
    Provider.objects.filter(pk=north.pk).update(billing_time_zone="Europe/Berlin")
    north.refresh_from_db()
    package = Package.objects.create(name="Workforce")
    PackagePrice.objects.create(
        package=package, currency="USD", unit_price=Decimal("3.35"), valid_from=date(2025, 1, 1)
    )
    with provider_schema(north):
        set_policy(billing_time_zone="Europe/Berlin")
        BillingProfile.objects.update_or_create(
            id=1,
            defaults={
                "legal_name": "Nordlicht IT",
                "country": "DE",
                "tax_name": "VAT",
                "tax_rate": 19,
            },
        )
    return Story(north, people, stripe_account)


def _agree_commitment() -> None:
    agreed = Contract.objects.get()
    agreed.ends_on = date(2025, 9, 1)
    agreed.save()
    agreed.pk = None
    agreed.kind, agreed.committed_quantity = ContractKind.COMMITTED, 20
    agreed.unit_price, agreed.starts_on, agreed.ends_on = Decimal("2.45"), date(2025, 9, 1), None
    agreed.save()


def test_fourteen_months_are_billed_and_paid(story: Story) -> None:
    with time_machine.travel(berlin(2025, 1, 5), tick=False):
        story.put_card_on_file()
    for month in MONTHS:
        with provider_schema(story.provider):
            story.apply_changes(month)
            if month == Month(2025, 8):
                _agree_commitment()
        story.close(month)
    with provider_schema(story.provider):
        _check_peaks(story)
        _check_explanations(story.acme, ACME_PEAKS)
        _check_explanations(story.bergen, BERGEN_PEAKS)
        _check_invoices(story)
        assert verify_ledger() == []
    with time_machine.travel(berlin(2026, 3, 2), tick=False):
        _check_pages(story)


def _check_peaks(story: Story) -> None:
    peaks: dict[tuple[int, Metric], list[int]] = {}
    for month in MONTHS:
        for metric in (Metric.USERS, Metric.DEVICES):
            marks = {
                level.organization_id: level.high_water_mark
                for level in high_water_marks(month=month, metrics=[metric])
            }
            for organization in (story.acme, story.bergen):
                peaks.setdefault((organization.pk, metric), []).append(
                    marks.get(organization.pk, 0)
                )
    assert tuple(peaks[story.acme.pk, Metric.USERS]) == ACME
    assert tuple(peaks[story.bergen.pk, Metric.USERS]) == BERGEN
    assert tuple(peaks[story.acme.pk, Metric.DEVICES]) == ACME_DEVICES


def _check_explanations(
    organization: Organization,
    expected: dict[str, tuple[int, datetime | None, int | None, int | None]],
) -> None:
    for text, (level, instant, before, second_peak) in expected.items():
        explanation = explain_month(
            organization_id=organization.pk,
            metric=Metric.USERS,
            month=Month.parse(text),
            zone=BERLIN,
        )
        event = explanation.peak.event
        assert explanation.peak.level == level, text
        assert (event and event.at, event and event.count_before) == (instant, before), text
        assert (explanation.second_peak and explanation.second_peak.level) == second_peak, text


def _check_invoices(story: Story) -> None:
    issued = list(Invoice.objects.order_by("id"))
    assert [
        (f"{i.month:%Y-%m}", i.kind, i.subtotal_minor, i.tax_minor, i.total_minor) for i in issued
    ] == INVOICES
    assert [invoice.number for invoice in issued] == [f"NORTH-{n:06d}" for n in range(1, 19)]
    assert all(invoice.owed_minor == 0 for invoice in issued)
    charged = story.stripe.charges()
    assert (charged["succeeded"], charged["amount_charged"]) == (18, PAID)


def _check_pages(story: Story) -> None:
    year = _csv(story, "/account/usage/history.csv")
    # The twelve months up to March 2026, whose count is carried in for Acme.
    marks = {row[1]: [int(mark) for mark in row[2:]] for row in year[1:]}
    assert marks["Acme"] == [*ACME[3:], 11, 122]
    assert marks["Bergen"] == [*BERGEN[3:], 0, 119]
    assert marks["All organizations"] == [22, 22, 19, 24, 19, 19, 23, 19, 21, 21, 21, 11, 241]
    why = f"/account/usage/{story.acme.pk}/why/2025-03"
    page = story.bill.get(f"{why}/").content.decode()
    assert "the 15th user, and the last of 3 added at once" in page
    assert "It lasted 1 second" in page
    counted = _csv(story, f"{why}.csv")
    assert len(counted) == 1 + 15
    (peak_row,) = [row for row in counted if row[-1] == "yes"]
    assert "2025-03-30T01:59:59+01:00" in peak_row


def _csv(story: Story, address: str) -> list[list[str]]:
    text = story.bill.get(address).content.decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text)))
