"""Statement counts of dunning, and concurrent updates."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import Provider
from billing import tasks
from billing.dunning import status
from billing.models import DunningStep, Invoice
from core.schema import provider_schema
from tests.billing.conftest import NOVEMBER, BillingScenario
from tests.billing.unpaid_invoices import DUE_OVER, FORTY_FIVE, hourly, pay, subjects


def test_a_status_costs_no_statement_without_a_debt_and_one_with_a_debt(
    scenario: BillingScenario,
) -> None:
    scenario.invoice()
    hourly(scenario, NOVEMBER)
    provider = Provider.objects.get(pk=scenario.provider.pk)
    with CaptureQueriesContext(connection) as without_debt:
        status.dunning_status(provider=provider, now=NOVEMBER)
    with CaptureQueriesContext(connection) as with_debt:
        status.dunning_status(provider=provider, now=FORTY_FIVE)
    assert (len(without_debt), len(with_debt)) == (0, 1)


def test_the_hourly_update_runs_three_statements_for_a_provider_and_then_none(
    scenario: BillingScenario, south: Provider
) -> None:
    scenario.invoice()
    with provider_schema(south):
        BillingScenario(provider=south, stripe=scenario.stripe).invoice(due_date=date(2026, 12, 24))
    ids = list(Provider.objects.values_list("pk", flat=True))
    for provider in Provider.objects.all():
        status.look_at_dunning(provider, FORTY_FIVE)
    south.refresh_from_db()
    assert south.outstanding_from == datetime(2026, 12, 25, tzinfo=UTC)
    with provider_schema(south):
        assert not DunningStep.objects.exists()
    provider = Provider.objects.get(pk=south.pk)
    with CaptureQueriesContext(connection) as seen:
        assert not status.look_at_dunning(provider, FORTY_FIVE).has_changed
    # Enter the schema, read the debts, read the steps.
    assert len(seen) == 3
    with time_machine.travel(FORTY_FIVE, tick=False):
        assert tasks.update_dunning_of(ids) == 0
        with CaptureQueriesContext(connection) as seen:
            tasks.update_dunning_of(ids)
    assert len(seen) == 1


def test_the_scheduled_task_updates_dunning(scenario: BillingScenario) -> None:
    scenario.invoice()
    with time_machine.travel(FORTY_FIVE, tick=False):
        assert tasks.update_dunning_of([scenario.provider.pk]) == 1
    with provider_schema(scenario.provider):
        assert DunningStep.objects.count() == 3


def test_two_concurrent_payments_end_every_step_and_send_one_mail(
    committed_scenario: BillingScenario,
) -> None:
    """Neither transaction sees the other's payment before it has waited for its commit."""
    invoices = [committed_scenario.invoice(), committed_scenario.invoice(kind="overage")]
    status.update_dunning(now=FORTY_FIVE)
    both_paid = threading.Barrier(2, timeout=10)

    def settle(invoice: Invoice) -> None:
        try:
            with provider_schema(committed_scenario.provider), transaction.atomic():
                Invoice.objects.select_for_update().get(pk=invoice.pk)
                pay(invoice, FORTY_FIVE)
                both_paid.wait()
                status.after_payment(now=FORTY_FIVE)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(settle, invoices))
    assert not DunningStep.objects.filter(ended_at=None).exists()
    assert subjects().count("Access to your account is restored") == 1


def test_the_hourly_update_and_a_payment_do_not_deadlock(
    committed_scenario: BillingScenario,
) -> None:
    invoice = committed_scenario.invoice()
    status.update_dunning(now=NOVEMBER)
    Provider.objects.filter(pk=committed_scenario.provider.pk).update(outstanding_from=DUE_OVER)
    holding, recording = threading.Event(), threading.Event()

    def settle() -> None:
        try:
            with provider_schema(committed_scenario.provider), transaction.atomic():
                Invoice.objects.select_for_update().get(pk=invoice.pk)
                holding.set()
                recording.wait(timeout=10)
                pay(invoice, FORTY_FIVE)
                status.after_payment(now=FORTY_FIVE)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        paying = pool.submit(settle)
        holding.wait(timeout=10)
        with transaction.atomic():
            Provider.objects.select_for_update(no_key=True).get(pk=committed_scenario.provider.pk)
            recording.set()
            status.update_dunning(now=FORTY_FIVE)
        paying.result(timeout=10)
    assert not DunningStep.objects.filter(ended_at=None).exists()
