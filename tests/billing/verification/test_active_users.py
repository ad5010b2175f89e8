"""Adjustments of active users reported late: recomputed like those of users."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from billing.invoicing.late_active_users import late_active_users_months
from billing.invoicing.month_close import close_month
from billing.models import InvoiceLine, MonthClose
from billing.verification.verify import verify_month
from core.months import Month
from tenants.models import BilledPeriod, ManagedUser, MeteringPolicy
from tests.usage.sightings import report

OCTOBER, NOVEMBER = Month(2026, 10), Month(2026, 11)
CLOSED_OCTOBER = datetime(2026, 11, 1, 0, 10, tzinfo=UTC)
CLOSED_NOVEMBER = datetime(2026, 12, 1, 0, 10, tzinfo=UTC)
PACK = {"kind": "committed", "committed_quantity": 2}


def at(day, month=10):
    return datetime(2026, month, day, 12, tzinfo=UTC)


def close(scenario, month, now):
    close_month(provider=scenario.provider, month=month, now=now)


def differences(scenario):
    return [
        str(difference)
        for month in (OCTOBER, NOVEMBER)
        for difference in verify_month(
            provider=scenario.provider, month=month, renders=False
        ).differences
    ]


def adjusted():
    lines = InvoiceLine.objects.filter(kind="adjustment").order_by("pk")
    return [(int(line.quantity), line.amount_minor) for line in lines]


def tamper(statement):
    """Change rows as only a superuser can, with triggers disabled."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in ("usage_lateactivity", "billing_invoiceline"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(statement)
        assert cursor.rowcount > 0


@pytest.fixture
def acme(scenario):
    """Five users; three were active in October, which is closed."""
    organization = scenario.organization(users=5)
    users = list(ManagedUser.objects.order_by("pk"))
    report(organization, *[(user, at(8)) for user in users[:3]], now=at(8))
    return organization, users


def two_months(scenario, acme, **terms):
    """October is closed, then two more of its users are reported, and November is closed."""
    scenario.contract(metric="mau", **terms)
    organization, users = acme
    close(scenario, OCTOBER, CLOSED_OCTOBER)
    report(organization, *[(user, at(20)) for user in users[3:]], now=at(5, month=11))
    report(organization, (users[0], at(6, month=11)), now=at(6, month=11))
    close(scenario, NOVEMBER, CLOSED_NOVEMBER)


@pytest.mark.parametrize("terms", [{}, PACK])
def test_an_adjustment_is_recomputed(scenario, acme, terms):
    two_months(scenario, acme, **terms)
    assert adjusted() == [(2, 2_200)]
    assert differences(scenario) == []


@pytest.mark.parametrize("terms", [{}, PACK])
@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE billing_invoiceline SET quantity = 3 WHERE kind = 'adjustment'", "quantity"),
        ("UPDATE billing_invoiceline SET amount_minor = 1 WHERE kind = 'adjustment'", "amount"),
        ("UPDATE billing_invoiceline SET adjusted_from = 0 WHERE kind = 'adjustment'", "before"),
        ("DELETE FROM billing_invoiceline WHERE kind = 'adjustment'", "line: expected 2"),
        (
            "DELETE FROM usage_lateactivity WHERE id = (SELECT max(id) FROM usage_lateactivity)",
            "quantity: expected 1, found 2",
        ),
    ],
)
def test_a_changed_one_is_noticed(scenario, acme, terms, statement, named):
    two_months(scenario, acme, **terms)
    tamper(statement)
    assert any(named in each for each in differences(scenario)), differences(scenario)


def test_a_report_that_waited_for_the_close_is_adjusted_by_the_next_one(scenario, acme):
    """Its instant lies before the close, its row was written after it."""
    scenario.contract(metric="mau")
    organization, users = acme
    close(scenario, OCTOBER, CLOSED_OCTOBER)
    report(organization, (users[3], at(20)), now=at(5, month=11))
    close(scenario, NOVEMBER, CLOSED_NOVEMBER)
    report(organization, (users[4], at(21)), now=CLOSED_NOVEMBER - timedelta(seconds=1))

    assert adjusted() == [(1, 1_100)]
    assert differences(scenario) == []

    close(scenario, NOVEMBER.next, datetime(2027, 1, 1, 0, 10, tzinfo=UTC))

    assert adjusted() == [(1, 1_100), (1, 1_100)]
    assert differences(scenario) == []
    assert (
        MonthClose.objects.order_by("month").values_list("last_late_activity_id", flat=True)[0]
        is None
    )


def test_activity_before_the_agreement_of_the_month_is_not_billed_late(scenario, acme):
    scenario.contract(metric="mau", starts_on=OCTOBER.first_day, billed_from=at(15))
    MeteringPolicy.objects.update(free_user_limit=10)
    BilledPeriod.objects.create(starts_at=at(15))
    organization, users = acme
    close(scenario, OCTOBER, CLOSED_OCTOBER)
    report(organization, (users[3], at(14)), (users[4], at(15)), now=at(5, month=11))

    assert [month.late for month in late_active_users_months()] == [
        ((organization.pk, organization.name, 1),)
    ]
    close(scenario, NOVEMBER, CLOSED_NOVEMBER)
    assert adjusted() == [(1, 1_100)]
    assert differences(scenario) == []
