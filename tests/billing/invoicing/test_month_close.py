"""The close of a month: invoices, refusals, a resumed close, concurrent closes."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from threading import Barrier, Thread

import pytest
from django.db import connection

from billing.invoicing.month_close import (
    BeforeFirstMonth,
    MonthAlreadyClosed,
    MonthNotOver,
    close_due_months,
    close_month,
    due_months,
)
from billing.models import Invoice, InvoiceLine, MonthClose, NumberSequence
from billing.preview.month_preview import months_to_preview, preview_month
from billing.tasks import close_months_of
from core.months import Month
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tenants.models import ManagedUser, MeteringPolicy
from tests.billing.conftest import NOVEMBER
from tests.usage.counting import set_policy
from usage.models import UsageEvent

OCTOBER = Month(2026, 10)


def close(scenario, month=OCTOBER, now=NOVEMBER):
    return close_month(provider=scenario.provider, month=month, now=now)


def test_an_invoice_has_a_line_for_each_organization_linked_to_its_peak(scenario):
    scenario.contract()
    acme = scenario.organization(users=3, name="Acme")
    scenario.organization(users=12, name="Bolt")
    scenario.organization(users=0, name="Calm")
    ManagedUser.objects.filter(organization=acme, email="user0@acme.example").update(
        removed_at=datetime(2026, 10, 20, tzinfo=UTC)
    )

    run = close(scenario)

    invoice = Invoice.objects.get()
    assert (run.invoices, run.total_minor, run.outcome) == (1, 16_500, "1 invoice, $165.00")
    assert (invoice.total_minor, invoice.collection) == (16_500, "by_invoice")
    assert invoice.due_date == (NOVEMBER + timedelta(days=30)).date()
    first, second = invoice.lines.order_by("position")
    assert (first.organization_name, first.quantity, first.amount_minor) == ("Acme", 3, 3_300)
    event = UsageEvent.objects.get(pk=first.peak_event_id)
    assert (event.at, event.actor_name) == (first.peak_at, first.peak_actor_name)
    assert ManagedUser.objects.get(pk=event.subject_id).email == first.peak_subject_name
    assert (first.peak_count_before, first.peak_subject_name) == (2, "user2@acme.example")
    assert (second.organization_name, second.quantity) == ("Bolt", 12)


@pytest.mark.parametrize("issue_day", [1, 3, 8])
def test_the_schedule_closes_on_the_agreed_issue_day(scenario, issue_day):
    provider = scenario.provider
    provider.issue_day = issue_day
    provider.save(update_fields=["issue_day"])
    scenario.contract(starts_on=date(2026, 10, 1))
    scenario.organization(users=3, name="Acme")
    begins = datetime(2026, 11, issue_day, tzinfo=UTC)

    before = begins - timedelta(seconds=1)
    assert due_months(provider=provider, now=before) == []
    assert close_due_months(provider=provider, now=before) == 0
    assert due_months(provider=provider, now=begins) == [OCTOBER]
    assert close_due_months(provider=provider, now=begins) == 1
    invoice = Invoice.objects.get()
    assert invoice.issued_at == begins
    assert invoice.due_date == begins.date() + timedelta(days=30)
    assert invoice.period_ends_at == datetime(2026, 11, 1, tzinfo=UTC)
    assert invoice.lines.get().quantity == 3


def test_the_preview_until_then_is_of_the_month_that_is_over_and_names_the_day(scenario):
    provider = scenario.provider
    provider.issue_day = 5
    scenario.contract(starts_on=date(2026, 10, 1))
    scenario.organization(users=3, name="Acme")
    now = datetime(2026, 11, 2, tzinfo=UTC)
    assert months_to_preview(provider=provider, now=now) == [OCTOBER, OCTOBER.next]
    preview = preview_month(provider=provider, month=OCTOBER, now=now)
    assert preview.charge_day == date(2026, 11, 5)
    assert preview.due_day == date(2026, 12, 5)
    running = preview_month(provider=provider, month=OCTOBER.next, now=now)
    assert running.charge_day == date(2026, 12, 5)


def test_operations_may_close_before_the_issue_day(scenario):
    provider = scenario.provider
    provider.issue_day = 8
    scenario.contract(starts_on=date(2026, 10, 1))
    scenario.organization(users=3, name="Acme")
    assert close(scenario, now=datetime(2026, 11, 2, tzinfo=UTC)).invoices == 1


def test_what_is_added_between_the_first_and_the_issue_day_is_billed_next_month(scenario):
    provider = scenario.provider
    provider.issue_day = 5
    scenario.contract(starts_on=date(2026, 10, 1))
    acme = scenario.organization(users=3, name="Acme")
    with provider_schema(provider):
        ManagedUser.objects.create(
            organization=acme, email="late@acme.example", added_at=datetime(2026, 11, 3, tzinfo=UTC)
        )
        close_due_months(provider=provider, now=datetime(2026, 11, 5, tzinfo=UTC))
        assert Invoice.objects.get().lines.get().quantity == 3


def test_a_count_of_thirty_carried_through_a_month_bills_thirty(scenario):
    scenario.contract()
    scenario.organization(users=30)
    close(scenario)

    close(scenario, Month(2026, 11), datetime(2026, 12, 1, tzinfo=UTC))

    line = InvoiceLine.objects.get(invoice__month="2026-11-01")
    assert (line.quantity, line.amount_minor, line.peak_event_id) == (30, 33_000, None)


def test_a_month_closed_before_an_earlier_one_bills_its_own_peak(scenario):
    scenario.contract()
    scenario.organization(users=30)
    close(scenario, Month(2026, 12), datetime(2027, 1, 1, tzinfo=UTC))

    close(scenario, Month(2026, 11), datetime(2027, 1, 1, tzinfo=UTC))

    assert Invoice.objects.get(month="2026-11-01").total_minor == 33_000


def test_a_peak_of_seventeen_above_fourteen_committed_bills_three_separately(scenario):
    scenario.contract(kind="committed", committed_quantity=14)
    scenario.organization(users=10, name="Acme")
    scenario.organization(users=7, name="Bolt")

    close(scenario)

    commitment, overage = Invoice.objects.order_by("number")
    assert (commitment.kind, commitment.total_minor) == ("commitment", 15_400)
    assert (overage.kind, overage.total_minor) == ("overage", 3_300)
    assert overage.lines.get(kind="overage").quantity == 3
    assert overage.lines.filter(kind="basis").count() == 2


def test_tax_and_parties_are_copied_onto_the_invoice(scenario):
    from billing.models import BillingProfile

    profile = BillingProfile.objects.create(
        legal_name="Nordlicht GmbH",
        address_lines=["Kai 1", "Hamburg"],
        country="DE",
        tax_id="DE123456789",
        contact_emails=["pay@nordlicht.example"],
        tax_name="VAT",
        tax_rate=Decimal("19.000"),
    )
    scenario.contract()
    scenario.organization(users=3)

    close(scenario)
    profile.legal_name = "Another"
    profile.save()

    invoice = Invoice.objects.get()
    assert (invoice.subtotal_minor, invoice.tax_minor, invoice.total_minor) == (3_300, 627, 3_927)
    assert invoice.buyer["name"] == "Nordlicht GmbH"
    assert invoice.contract_summary["unit_price"] == "11.0000"


@pytest.mark.parametrize(
    ("users", "topic"), [(363, "billing.charge"), (364, "billing.invoice_mail")]
)
def test_an_invoice_is_charged_below_the_limit_and_mailed_above_it(scenario, users, topic):
    scenario.contract()
    scenario.card()
    scenario.organization(users=users)

    close(scenario)

    topics = OutboxMessage.objects.filter(schema_name=scenario.provider.schema_name).order_by("id")
    assert [topic for topic in topics.values_list("topic", flat=True) if "card" not in topic] == [
        "billing.documents",
        topic,
    ]


def test_a_month_in_the_free_allowance_closes_without_an_invoice(scenario):
    scenario.contract()
    MeteringPolicy.objects.update(free_user_limit=10)
    scenario.organization(users=5)

    run = close(scenario)

    assert run.issued_at == NOVEMBER
    assert run.outcome == "Free allowance, nothing to invoice"
    assert Invoice.objects.count() == 0
    assert MeteringPolicy.objects.current().closed_through == datetime(2026, 11, 1, tzinfo=UTC)


def test_a_running_month_is_refused_without_a_change(scenario):
    scenario.organization(users=1)

    with pytest.raises(MonthNotOver, match="2026-11 is not over"):
        close(scenario, Month(2026, 11))

    assert MonthClose.objects.count() == 0


def test_a_month_ends_in_the_providers_billing_zone(north, scenario):
    set_policy(billing_time_zone="Pacific/Kiritimati")
    north.billing_time_zone = "Pacific/Kiritimati"
    ends = datetime(2026, 10, 31, 10, 0, tzinfo=UTC)

    with pytest.raises(MonthNotOver):
        close_month(provider=north, month=OCTOBER, now=ends - timedelta(microseconds=1))
    assert close_month(provider=north, month=OCTOBER, now=ends).issued_at == ends


def test_a_month_is_closed_once(scenario):
    scenario.contract()
    scenario.organization(users=3)
    close(scenario)

    with pytest.raises(MonthAlreadyClosed, match="1 invoice"):
        close(scenario)

    assert Invoice.objects.count() == 1


def test_a_month_before_the_first_one_is_refused(scenario):
    scenario.organization(users=3)

    with pytest.raises(BeforeFirstMonth, match="first month is 2026-10"):
        close(scenario, Month(2019, 1))


def test_numbers_have_no_gap_after_a_failed_close(scenario, monkeypatch):
    scenario.contract()
    scenario.organization(users=3)
    from billing.invoicing import month_close

    with monkeypatch.context() as broken:
        broken.setattr(month_close, "enqueue_all", _fail)
        with pytest.raises(ZeroDivisionError):
            close(scenario)
    assert Invoice.objects.count() == 0

    close(scenario)
    close(scenario, Month(2026, 11), datetime(2026, 12, 1, tzinfo=UTC))

    prefix = scenario.provider.invoice_prefix
    assert list(Invoice.objects.order_by("month").values_list("number", flat=True)) == [
        f"{prefix}-000001",
        f"{prefix}-000002",
    ]
    assert NumberSequence.objects.get().last_number == 2


def _fail(*_, **__):
    raise ZeroDivisionError


def test_missed_months_are_closed_oldest_first(scenario):
    scenario.contract(starts_on="2026-10-01")
    scenario.organization(users=3)
    january = datetime(2027, 1, 1, 1, tzinfo=UTC)

    due = due_months(provider=scenario.provider, now=january)
    closed = close_due_months(provider=scenario.provider, now=january)

    assert [str(month) for month in due] == ["2026-10", "2026-11", "2026-12"]
    assert closed == 3
    with provider_schema(scenario.provider):
        months = Invoice.objects.order_by("number").values_list("month", flat=True)
        assert [f"{month:%m}" for month in months] == ["10", "11", "12"]
    assert close_due_months(provider=scenario.provider, now=january) == 0


def test_the_failure_of_one_provider_does_not_delay_another(north, south, monkeypatch):
    from billing import tasks

    seen = []

    def close_or_fail(*, provider, now):
        seen.append(provider)
        raise ZeroDivisionError

    monkeypatch.setattr(tasks, "close_due_months", close_or_fail)

    close_months_of([north.pk, south.pk])

    assert sorted(provider.pk for provider in seen) == sorted([north.pk, south.pk])


@pytest.mark.proof
def test_only_one_of_two_concurrent_schedulers_closes(committed_scenario):
    scenario = committed_scenario
    scenario.contract()
    scenario.organization(users=30)
    start, results = Barrier(4), []

    def schedule():
        try:
            start.wait()
            results.append(close(scenario))
        except MonthAlreadyClosed as refusal:
            results.append(refusal)
        finally:
            connection.close()

    threads = [Thread(target=schedule) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(type(result).__name__ for result in results) == [
        "MonthAlreadyClosed",
        "MonthAlreadyClosed",
        "MonthAlreadyClosed",
        "MonthClose",
    ]
    assert Invoice.objects.count() == 1
    assert OutboxMessage.objects.filter(schema_name=scenario.provider.schema_name).count() == 2
