"""The bounds of a card charge: one below, at, and one above, through the stand-in of Stripe."""

from decimal import Decimal

import pytest
from django.test import override_settings

from billing.charge_limits import automatic_limit, largest_charge, smallest_charge
from billing.choices import Collection, ContractKind
from billing.models import ChargeAttempt, Invoice
from billing.money import format_money
from billing.outbox_handlers import charge
from billing.payments.charging import charge_invoice
from billing.rating.rate_month import Terms
from core.metrics import Metric
from core.operations.models import OperationsAlert
from core.outbox.models import OutboxMessage
from tests.billing.conftest import NOVEMBER, BillingScenario

# Currency, smallest charge, automatic limit, and the smallest step of an amount.
CURRENCIES = [
    ("USD", "$0.50", "$4,000.00", 1),
    ("EUR", "€0.50", "€4,000.00", 1),
    ("HUF", "HUF175.00", "HUF1,000,000.00", 1),
    ("JPY", "¥50", "¥600,000", 1),
    ("KWD", "KWD0.200", "KWD1,200.000", 10),
    ("UGX", "UGX2,000.00", "UGX1,000,000.00", 100),
]
by_currency = pytest.mark.parametrize(("currency", "smallest", "limit", "step"), CURRENCIES)


@by_currency
def test_amounts_are_in_major_units_of_each_currency(
    currency: str, smallest: str, limit: str, step: int
) -> None:
    assert format_money(smallest_charge(currency), currency) == smallest
    assert format_money(automatic_limit(currency), currency) == limit
    assert automatic_limit(currency) % step == 0
    assert automatic_limit(currency) - step <= largest_charge(currency)


@by_currency
def test_cards_are_charged_from_the_smallest_to_the_largest_amount(
    scenario: BillingScenario, currency: str, smallest: str, limit: str, step: int
) -> None:
    scenario.card()
    least = smallest_charge(currency)
    most = largest_charge(currency) // step * step
    for month, (minor, is_charged) in enumerate(
        [(least - step, False), (least, True), (least + step, True), (most, True)], start=1
    ):
        invoice = scenario.invoice(
            total_minor=minor, currency=currency, month=f"2026-{month:02d}-01"
        )
        charge({"invoice_id": invoice.pk}, NOVEMBER)
        paid = Invoice.objects.get(pk=invoice.pk).amounts.owed_minor == 0
        assert paid == is_charged, format_money(minor, currency)
        assert invoice.attempts.exists() == is_charged
    assert not OperationsAlert.objects.exists()
    assert not OutboxMessage.objects.filter(topic="billing.charge_failed_mail").exists()

    above = scenario.invoice(total_minor=most + step, currency=currency, month="2026-09-01")
    assert charge_invoice(invoice_id=above.pk, now=NOVEMBER) is None
    assert not above.attempts.exists()
    (alert,) = OperationsAlert.objects.all()
    assert (alert.kind, alert.key) == ("billing.above_largest_charge", above.number)


def terms(currency: str, **changes: object) -> Terms:
    fields: dict[str, object] = {
        "kind": ContractKind.PAY_AS_YOU_GO,
        "package_name": "Complete",
        "metric": Metric.USERS,
        "currency": currency,
        "unit_price": Decimal(1),
        "automatic_limit_minor": automatic_limit(currency),
        "has_card": True,
    }
    return Terms(**{**fields, **changes})


@by_currency
def test_each_bound_decides_how_an_invoice_is_collected(
    currency: str, smallest: str, limit: str, step: int
) -> None:
    agreed = terms(currency)
    least, most = smallest_charge(currency), automatic_limit(currency)

    collections = [
        agreed.collection(minor)
        for minor in (least - step, least, least + step, most - step, most, most + step)
    ]

    assert collections == [
        Collection.TOO_SMALL,
        *[Collection.AUTOMATIC] * 3,
        *[Collection.BY_INVOICE] * 2,
    ]
    # A limit above the largest charge does not help: no card can pay that.
    generous = terms(currency, automatic_limit_minor=10**12)
    largest = largest_charge(currency)
    assert generous.collection(largest) is Collection.AUTOMATIC
    assert generous.collection(largest + 1) is Collection.BY_INVOICE


def test_a_currency_without_a_limit_is_invoiced_by_mail() -> None:
    assert automatic_limit("XOF") == 0
    assert terms("XOF").collection(1_000) is Collection.BY_INVOICE


def test_settings_override_the_tables() -> None:
    with override_settings(
        SMALLEST_CHARGES={"USD": Decimal("1.00")},
        LARGEST_CHARGES={"USD": Decimal(10)},
        AUTOMATIC_CHARGE_LIMITS={"USD": Decimal(5)},
    ):
        assert (smallest_charge("USD"), largest_charge("USD")) == (100, 1_000)
        assert (automatic_limit("USD"), automatic_limit("EUR")) == (500, 0)


def test_a_bound_that_stripe_has_moved_is_reported_once_and_mailed_to_no_customer(
    scenario: BillingScenario,
) -> None:
    scenario.card()
    with override_settings(SMALLEST_CHARGES={"USD": Decimal("0.25")}):
        invoice = scenario.invoice(total_minor=25)
        for cause in ("close", "retry:1:1", "again:1"):
            charge({"invoice_id": invoice.pk, "cause": cause}, NOVEMBER)

    attempt = ChargeAttempt.objects.get()
    assert (attempt.state, attempt.decline_code) == ("failed", "amount_too_small")
    (alert,) = OperationsAlert.objects.all()
    assert "SMALLEST_CHARGES" in alert.next_step
    topics = OutboxMessage.objects.values_list("topic", flat=True)
    assert not {"billing.charge_failed_mail", "billing.charge"} & set(topics)
