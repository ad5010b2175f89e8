"""Close one provider's month by command; the scheduler does the same on the first."""

import time
from argparse import ArgumentParser
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q
from django.utils import timezone

from accounts.models import Provider
from accounts.providers import NoSuchProvider, find_provider
from billing.choices import Collection
from billing.invoicing.month_close import CloseRefused, close_month
from billing.models import ChargeAttempt, Invoice
from billing.money import format_money
from core.months import Month
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage
from core.schema import provider_schema

# How long the command delivers documents and charges; after that, a worker continues.
LONGEST_DELIVERY = timedelta(minutes=3)
PAUSE_SECONDS = 0.3

OUTCOMES = {
    ChargeAttempt.State.SUCCEEDED: "charged to the card",
    ChargeAttempt.State.FAILED: "card declined",
    ChargeAttempt.State.NEEDS_CONFIRMATION: "the bank wants the card holder's confirmation",
    ChargeAttempt.State.PROCESSING: "the bank is processing the payment",
    ChargeAttempt.State.UNKNOWN: "outcome unknown, being looked up",
    ChargeAttempt.State.PENDING: "about to be charged",
}


class Command(BaseCommand):
    """`manage.py close_month --provider demo --month 2026-10`."""

    help = "Close a month of one provider: issue its invoices, render, charge or mail them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the provider and the month."""
        parser.add_argument("--provider", required=True, help="Its invoice prefix or schema.")
        parser.add_argument("--month", required=True, help="The billing month, such as 2026-10.")
        parser.add_argument(
            "--no-wait",
            action="store_true",
            help="Leave documents, charges and mail to the worker.",
        )

    def handle(self, *, provider: str, month: str, no_wait: bool, **_: Any) -> None:
        """Close the month, deliver its invoices, and print the state of each."""
        try:
            chosen = find_provider(name=provider)
            if chosen.state != Provider.State.ACTIVE:
                raise CommandError(f"{chosen.name} is not ready: {chosen.get_state_display()}.")
            run = close_month(provider=chosen, month=Month.parse(month), now=timezone.now())
        except (NoSuchProvider, CloseRefused, ValueError) as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(self.style.SUCCESS(f"{chosen.name}, {month}: {run.outcome}."))
        if not run.invoices:
            return
        if no_wait:
            self.stdout.write("Documents, charges and mail are done by the worker.")
        else:
            self._deliver(chosen, since=timezone.now())
        self._report(chosen, Month.parse(month))

    def _deliver(self, provider: Provider, *, since: datetime) -> None:
        """Deliver the provider's due messages, beside the workers, until none is left."""
        last_left = -1
        while timezone.now() - since < LONGEST_DELIVERY:
            left = _due_messages(provider)
            if left == 0:
                return
            if left != last_left:
                self.stdout.write(f"  {left} documents, charges and mails to do")
                last_left = left
            if deliver_due(now=timezone.now(), limit=1, schema=provider.schema_name) == 0:
                time.sleep(PAUSE_SECONDS)
        self.stdout.write("  The worker does the rest.")

    def _report(self, provider: Provider, month: Month) -> None:
        with provider_schema(provider):
            invoices = Invoice.objects.filter(month=month.first_day).with_paid().order_by("number")
            for invoice in invoices:
                total = format_money(invoice.total_minor, invoice.currency)
                self.stdout.write(
                    f"  {invoice.number}  {invoice.get_kind_display():<10}  {total:>14}  "
                    f"{invoice.status.label}: {_delivery_state(invoice)}"
                )


def _due_messages(provider: Provider) -> int:
    now = timezone.now()
    return (
        OutboxMessage.objects.filter(schema_name=provider.schema_name)
        .filter(finished_at=None, dead_at=None)
        .filter(Q(due_at__lte=now + timedelta(seconds=10)))
        .count()
    )


def _delivery_state(invoice: Invoice) -> str:
    if invoice.collection == Collection.BY_INVOICE:
        return f"sent to {', '.join(invoice.buyer['emails'])}, due {invoice.due_date:%-d %B %Y}"
    attempt = invoice.attempts.order_by("-pk").first()
    if attempt is None:
        return "waits to be charged"
    reason = f" ({attempt.failure_message})" if attempt.failure_message else ""
    return OUTCOMES[ChargeAttempt.State(attempt.state)] + reason
