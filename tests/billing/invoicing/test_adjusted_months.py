"""An adjustment is in the earliest open month after the closed one, and in no other."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from billing.invoicing.adjusted_months import adjusted_by
from billing.invoicing.month_close import close_month
from billing.invoicing.month_plan import plan_month
from billing.models import Contract, Invoice
from billing.verification.verify import closed_months, verify_month
from core.months import Month
from tenants.models import ManagedUser
from tests.billing.conftest import NOVEMBER

OCTOBER = Month(2026, 10)
DECEMBER = datetime(2026, 12, 1, 0, 10, tzinfo=UTC)
JANUARY = datetime(2027, 1, 1, 0, 10, tzinfo=UTC)


@pytest.fixture
def late(scenario):
    """October is closed with three users; a fourth one of October is reported afterwards."""
    scenario.contract()
    organization = scenario.organization(users=3)
    close_month(provider=scenario.provider, month=OCTOBER, now=NOVEMBER)
    ManagedUser.objects.create(
        organization=organization,
        email="late@acme.example",
        added_at=datetime(2026, 10, 20, tzinfo=UTC),
    )
    return scenario


def adjusted(month):
    return [line.adjusted_month for line in plan_month(month=month).adjustments]


def test_only_the_earliest_open_month_plans_it(late):
    assert adjusted(OCTOBER.next) == [OCTOBER.first_day]
    assert adjusted(OCTOBER.plus(months=2)) == []
    assert adjusted(OCTOBER.previous) == []
    close_month(provider=late.provider, month=OCTOBER.next, now=DECEMBER)
    assert adjusted(OCTOBER.plus(months=2)) == []


def test_a_close_out_of_order_leaves_it_to_the_earlier_month(late):
    december = OCTOBER.plus(months=2)
    close_month(provider=late.provider, month=december, now=JANUARY)
    later = JANUARY + timedelta(minutes=1)
    close_month(provider=late.provider, month=OCTOBER.next, now=later)
    carrying = Invoice.objects.filter(lines__kind="adjustment")
    assert [invoice.month for invoice in carrying] == [OCTOBER.next.first_day]
    for month in closed_months(provider=late.provider):
        verified = verify_month(provider=late.provider, month=month, renders=False)
        assert verified.differences == []


def test_a_month_in_another_currency_does_not_carry_it(late):
    Contract.objects.create(
        kind="pay_as_you_go",
        package_id=1,
        package_name="Complete",
        metric="users",
        currency="EUR",
        unit_price=Decimal(10),
        starts_on=date(2026, 11, 1),
        automatic_limit_minor=400_000,
        payment_terms_days=30,
    )
    closed = {OCTOBER.first_day}
    december = OCTOBER.plus(months=2)
    assert adjusted_by(month=OCTOBER.next, currency="EUR", closed=closed) == [OCTOBER.first_day]
    assert adjusted_by(month=december, currency="USD", closed=closed) == [OCTOBER.first_day]
    assert adjusted_by(month=december, currency="EUR", closed=closed) == []
    assert adjusted(OCTOBER.next) == []
