"""A provider leaves: the date, the final invoice, and the way back before it."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.urls import reverse

from accounts.models import OPERATIONS_PROVIDER_KEY, Provider
from accounts.provider_batches import working_providers
from accounts.stages import ALLOWED, Stage, Use, stage_at
from billing.invoicing.month_close import MonthNotOver, close_due_months, close_month, due_months
from billing.leaving.departures import CannotLeave, cancel_departure, set_leave_date
from billing.models import Contract, DataExport, Departure, Invoice
from billing.verification.verify import verify_month
from core.months import Month
from core.operations.models import OperationsAlert
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tenants.models import (
    AuditEntry,
    BilledPeriod,
    ManagedUser,
    MeteringPolicy,
    Organization,
)
from tests.billing.conftest import BILL
from tests.seen_forms import seen_on
from tests.usage.counting import add, add_devices, execute, refused, remove

OCTOBER, NOVEMBER = Month(2026, 10), Month(2026, 11)
SET_AT = datetime(2026, 11, 5, 9, tzinfo=UTC)
DAY = date(2026, 11, 18)
LEAVES = datetime(2026, 11, 18, tzinfo=UTC)
CLOSES = datetime(2026, 12, 18, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
def paying(scenario):
    """Pay-as-you-go at 11 dollars since October, with three users; October is closed."""
    contract = scenario.contract(starts_on=OCTOBER.first_day)
    zone = scenario.provider.billing_zone()
    Contract.objects.filter(pk=contract.pk).update(billed_from=OCTOBER.starts_at(zone))
    MeteringPolicy.objects.update(free_user_limit=10)
    BilledPeriod.objects.create(starts_at=OCTOBER.starts_at(zone))
    scenario.organization(users=3, name="Bolt")
    close_month(provider=scenario.provider, month=OCTOBER, now=datetime(2026, 11, 1, 1, tzinfo=UTC))
    return scenario


def acme():
    return Organization.objects.get()


def leave(scenario, day=DAY, now=SET_AT):
    return set_leave_date(provider=scenario.provider, day=day, reason="Sold", actor=BILL, now=now)


def work(scenario, now):
    while deliver_due(now=now, schema=scenario.provider.schema_name):
        pass


def alert(scenario):
    return OperationsAlert.objects.get(
        schema_name=scenario.provider.schema_name, kind="billing.provider_leaves"
    )


def test_the_table_of_stages():
    at = {"leaves_at": LEAVES, "closes_at": CLOSES}
    assert stage_at(SET_AT, leaves_at=None, closes_at=None) is Stage.OPEN
    assert stage_at(LEAVES - MICROSECOND, **at) is Stage.LEAVING
    assert stage_at(LEAVES, **at) is Stage.READ_ONLY
    assert stage_at(CLOSES - MICROSECOND, **at) is Stage.READ_ONLY
    assert stage_at(CLOSES, **at) is Stage.CLOSED
    assert ALLOWED.keys() == set(Stage)
    assert Use.PAY in ALLOWED[Stage.READ_ONLY]
    assert Use.CHANGE not in ALLOWED[Stage.READ_ONLY]
    assert ALLOWED[Stage.CLOSED] == frozenset()


def test_a_leave_date_ends_billing_at_its_first_instant(paying):
    departure = leave(paying)

    assert (departure.leaves_at, departure.closes_at) == (LEAVES, CLOSES)
    paying.provider.refresh_from_db()
    assert paying.provider.stage(SET_AT) is Stage.LEAVING
    assert BilledPeriod.objects.get().ends_at == LEAVES
    assert AuditEntry.objects.get(action="departure.set").after["day"] == "2026-11-18"
    assert alert(paying).settled_at is None


def test_no_user_or_device_is_added_from_the_leave_date_on(paying):
    leave(paying)
    add(acme(), LEAVES - MICROSECOND)
    add_devices(acme(), LEAVES - MICROSECOND)
    with refused("MT007"):
        add(acme(), LEAVES)
    with refused("MT007"):
        add_devices(acme(), LEAVES)
    for statement in (
        (
            "INSERT INTO tenants_manageduser (email, name, organization_id, added_at)"
            " VALUES ('late@x.example', 'Late', %s, %s)"
        ),
        (
            "INSERT INTO tenants_device (serial_number, name, organization_id, added_at)"
            " VALUES ('L-1', 'Late', %s, %s)"
        ),
    ):
        with refused("MT007"):
            execute(statement, acme().pk, LEAVES)
    assert MeteringPolicy.objects.free_user_limit_at(LEAVES) == 0


def test_the_final_invoice_bills_the_part_of_the_month(paying):
    leave(paying)
    users = add(acme(), datetime(2026, 11, 10, tzinfo=UTC))
    remove(users, datetime(2026, 11, 12, tzinfo=UTC))
    with pytest.raises(MonthNotOver):
        close_month(provider=paying.provider, month=NOVEMBER, now=LEAVES - MICROSECOND)

    work(paying, LEAVES + timedelta(minutes=6))

    invoice = Invoice.objects.get(month=NOVEMBER.first_day)
    assert (invoice.total_minor, invoice.period_ends_at) == (4 * 1_100, LEAVES)
    verified = verify_month(provider=paying.provider, month=NOVEMBER, renders=False)
    assert verified.differences == []
    assert DataExport.objects.get().finished_at is not None
    assert alert(paying).settled_at is not None
    assert due_months(provider=paying.provider, now=datetime(2027, 3, 1, tzinfo=UTC)) == []
    subjects = [
        message.payload["subject"] for message in OutboxMessage.objects.filter(topic="mail.send")
    ]
    assert "Your account is read-only: final invoices and export" in subjects


def test_the_hourly_close_issues_the_final_invoice_too(paying):
    leave(paying)
    assert close_due_months(provider=paying.provider, now=LEAVES - MICROSECOND) == 0
    assert close_due_months(provider=paying.provider, now=LEAVES) == 1
    assert close_due_months(provider=paying.provider, now=LEAVES) == 0


def test_leaving_on_the_first_bills_the_month_before_only(paying):
    leave(paying, day=date(2026, 12, 1))
    assert close_due_months(provider=paying.provider, now=datetime(2027, 2, 1, tzinfo=UTC)) == 1
    assert [f"{invoice.month:%Y-%m}" for invoice in Invoice.objects.order_by("pk")] == [
        "2026-10",
        "2026-11",
    ]


def test_a_departure_can_be_cancelled_before_its_day(paying):
    leave(paying)

    cancel_departure(provider=paying.provider, actor=BILL, now=LEAVES - MICROSECOND)
    work(paying, LEAVES + timedelta(minutes=6))

    paying.provider.refresh_from_db()
    assert paying.provider.stage(CLOSES) is Stage.OPEN
    assert BilledPeriod.objects.get().ends_at is None
    assert not Invoice.objects.filter(month=NOVEMBER.first_day).exists()
    assert alert(paying).settled_at is not None
    add(acme(), LEAVES)
    assert ManagedUser.objects.count() == 4
    assert AuditEntry.objects.filter(action="departure.cancelled").exists()
    leave(paying)
    assert Departure.objects.count() == 2


def test_a_departure_is_not_cancelled_from_its_day_on(paying):
    leave(paying)
    with pytest.raises(CannotLeave, match="has passed"):
        cancel_departure(provider=paying.provider, actor=BILL, now=LEAVES)


@pytest.mark.parametrize("day", [date(2026, 11, 5), date(2026, 11, 4), date(2028, 1, 1)])
def test_a_day_that_is_over_or_too_far_is_refused(paying, day):
    with pytest.raises(CannotLeave, match="Choose a day"):
        leave(paying, day=day)


def test_a_second_leave_date_is_refused(paying):
    leave(paying)
    with pytest.raises(CannotLeave, match="set already"):
        leave(paying, day=date(2026, 11, 20))


def test_scheduled_work_follows_the_stage(paying):
    leave(paying)

    def works(use, now):
        return working_providers(use, now=now).filter(pk=paying.provider.pk).exists()

    assert works(Use.DAILY_WORK, LEAVES - MICROSECOND)
    assert not works(Use.DAILY_WORK, LEAVES)
    assert works(Use.DUNNING, CLOSES - MICROSECOND)
    assert not works(Use.DUNNING, CLOSES)
    Provider.objects.filter(pk=paying.provider.pk).update(leaves_at=None, closes_at=None)
    assert works(Use.DAILY_WORK, CLOSES)


def test_operations_set_and_cancel_a_leave_date(client, people, paying):
    client.force_login(people.staff)
    session = client.session
    session[OPERATIONS_PROVIDER_KEY] = paying.provider.pk
    session.save()
    tomorrow = date.today() + timedelta(days=3)  # noqa: DTZ011 - the view reads the clock
    add_url = reverse("admin:billing_departure_add")

    unconfirmed = client.post(add_url, {"day": tomorrow.isoformat(), "reason": "Sold"})
    assert "confirmed" in unconfirmed.context["adminform"].form.errors
    fields = {"day": tomorrow.isoformat(), "reason": "Sold", "confirmed": "on"}
    seen = seen_on(client, add_url)
    assert client.post(add_url, {**fields, "seen": seen}).status_code == 302
    with provider_schema(paying.provider):
        departure = Departure.objects.get()
        assert (departure.day, departure.cancelled_at) == (tomorrow, None)
    client.post(
        reverse("admin:billing_departure_changelist"),
        {"action": "cancel", "_selected_action": [departure.pk]},
    )
    with provider_schema(paying.provider):
        assert Departure.objects.get().cancelled_at is not None

    resent = client.post(add_url, {**fields, "seen": seen})
    assert resent["Location"] == add_url, "the form opened before the cancellation"
    assert "changed since this page was opened" in client.get(add_url).content.decode()
    with provider_schema(paying.provider):
        assert Departure.objects.count() == 1
