"""Billing's alerts: licenses, refused charges, outstanding balance, expiring card."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from accounts.models import Provider
from billing.choices import ContractKind
from billing.dunning.status import update_dunning
from billing.models import ChargeAttempt, Invoice, PaymentMethod
from core.schema import provider_schema
from tenants.alerts.evaluation import evaluate_rules
from tenants.models import Alert, MeteringPolicy, Organization, Severity
from tests.billing.unpaid_invoices import pay
from tests.cap_requests import contract
from tests.test_isolation import make_card, make_invoice
from tests.usage.counting import add, at, remove, set_policy

MARCH_3 = at("2026-03-03 12:00")


@pytest.fixture(autouse=True)
def acme(north: Provider) -> Iterator[Organization]:
    """North's schema entered, without a free allowance."""
    with provider_schema(north):
        MeteringPolicy.objects.update(free_user_limit=None)
        yield Organization.objects.create(name="Acme")


def alerts_at(now: datetime = MARCH_3) -> list[tuple[str, str]]:
    evaluate_rules(now=now)
    found = Alert.objects.open().filter(kind__in=("licenses", "payment")).order_by("cause")
    return [(alert.get_severity_display(), alert.title) for alert in found]


def test_licenses_alert_when_near_and_when_exceeded(acme: Organization) -> None:
    contract(kind=ContractKind.COMMITTED, committed_quantity=20).save()
    users = add(acme, *[at("2026-03-01")] * 18)
    assert alerts_at() == []
    users += add(acme, at("2026-03-02"))
    assert alerts_at() == [("Warning", "Licenses are running out")]
    assert Alert.objects.open().get().text == "19 of 20 users in use: 1 left."
    users += add(acme, at("2026-03-02"))
    assert alerts_at() == [("Warning", "Licenses are running out")]
    users += add(acme, *[at("2026-03-02")] * 3)
    assert alerts_at() == [("Critical", "3 users above your commitment")]
    remove(users[:9], MARCH_3)
    assert alerts_at() == []


def attempt(invoice: Invoice, state: ChargeAttempt.State, number: int) -> ChargeAttempt:
    is_over = state == ChargeAttempt.State.FAILED
    return ChargeAttempt.objects.create(
        invoice=invoice,
        cause=f"c{number}",
        state=state,
        idempotency_key=f"k{number}",
        amount_minor=100,
        currency="USD",
        stripe_customer_id="c",
        stripe_payment_method_id="p",
        decline_code="insufficient_funds" if is_over else "",
        failure_message="The raw text of a bank." if is_over else "",
        created_at=MARCH_3,
        finished_at=MARCH_3 if is_over else None,
    )


def test_a_refused_charge_alerts_until_it_is_paid(acme: Organization) -> None:
    invoice = make_invoice(acme)
    assert alerts_at() == []
    attempt(invoice, ChargeAttempt.State.FAILED, 1)
    title = f"Invoice {invoice.number} could not be charged"
    assert alerts_at() == [("Critical", title)]
    assert "$1.00 is still to be paid. Your card has" in Alert.objects.open().get().text
    latest = attempt(invoice, ChargeAttempt.State.PENDING, 2)
    assert alerts_at() == []
    ChargeAttempt.objects.filter(pk=latest.pk).update(state=ChargeAttempt.State.NEEDS_CONFIRMATION)
    assert alerts_at() == [("Critical", title)]
    assert "asks the card holder" in Alert.objects.open().get().text
    pay(invoice, MARCH_3)
    assert alerts_at() == []


def test_an_outstanding_balance_is_one_alert_that_gets_worse(acme: Organization) -> None:
    """Due on 1 March: outstanding from the 2nd, 30 days on the 31st, suspended on 15 April."""
    invoice = make_invoice(acme)
    titles = []
    for day in ("2026-03-01", "2026-03-02", "2026-03-31", "2026-04-15"):
        now = at(f"{day} 12:00")
        update_dunning(now=now)
        titles.append(alerts_at(now))
    assert titles == [
        [],
        [("Warning", "$1.00 is outstanding")],
        [("Critical", "$1.00 has been outstanding for 30 days")],
        [("Critical", "Your account is suspended")],
    ]
    assert Alert.objects.filter(cause="outstanding-balance").count() == 1
    pay(invoice, at("2026-04-15 13:00"))
    assert alerts_at(at("2026-04-15 13:00")) == []


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("2026-11-30 23:59", []),
        ("2026-12-01 00:00", [Severity.WARNING]),
        ("2026-12-31 23:59", [Severity.WARNING]),
        ("2027-01-01 00:00", [Severity.CRITICAL]),
    ],
)
def test_a_card_is_good_through_the_last_day_of_its_month(
    acme: Organization, local: str, expected: list[Severity]
) -> None:
    """Days are those of the billing zone, an hour behind UTC; the last thirty days alert."""
    set_policy(billing_time_zone="Etc/GMT+1")
    make_card(acme)
    PaymentMethod.objects.update(expiry_month=12, expiry_year=2026)
    evaluate_rules(now=at(local) + timedelta(hours=1))
    assert [alert.severity for alert in Alert.objects.open()] == expected


def test_a_new_card_ends_the_alert(acme: Organization) -> None:
    make_card(acme)
    PaymentMethod.objects.update(expiry_month=3, expiry_year=2026)
    assert alerts_at() == [("Warning", "The card Nordlicht ending in 4242 expires soon")]
    PaymentMethod.objects.update(expiry_year=2030)
    assert alerts_at() == []
