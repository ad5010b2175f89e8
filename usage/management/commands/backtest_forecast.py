"""`manage.py backtest_forecast --provider PREFIX`: the errors that forecasts would have had."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import Provider
from core.metrics import Metric
from core.schema import provider_schema
from usage.forecast.backtest import accuracies, record_backtest

LINE = "{:<5}{:>8}{:>10}{:>13}{:>13}{:>12}{:>13}{:>13}{:>12}"


class Command(BaseCommand):
    """Walks forward through the months of the last year and prints the errors."""

    help = "Tries the forecast on a provider's past months and prints its errors."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose months, and of what."""
        parser.add_argument("--provider", required=True, metavar="PREFIX", help="invoice prefix")
        parser.add_argument("--basis", choices=Metric.values, default=Metric.USERS.value)

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        """One line for each day of the month that forecasts are tried on."""
        prefix = options["provider"].upper()
        provider = Provider.objects.filter(
            invoice_prefix=prefix, state=Provider.State.ACTIVE
        ).first()
        if provider is None:
            raise CommandError(f"No active provider has the invoice prefix {prefix}.")
        with provider_schema(provider):
            record_backtest(zone=provider.billing_zone(), now=timezone.now())
            known = accuracies(basis=Metric(options["basis"]))
        if not known:
            raise CommandError("There are not four months to look back on yet.")
        self.stdout.write(f"Mean errors in {options['basis']}: all together, and one organization")
        self.stdout.write(
            LINE.format("day", "months", "forecast", "last value", "last month",
                        "forecast", "last value", "last month", "in range")
        )  # fmt: skip
        for one in known:
            figures = (
                *(f"{x:.2f}" for x in (one.total_error, one.last_value_error)),
                f"{one.last_month_error:.2f}",
                *(f"{x:.3f}" for x in (one.organization_error, one.organization_last_value_error)),
                f"{one.organization_last_month_error:.3f}",
            )
            held = f"{one.held} of {one.months}"
            self.stdout.write(LINE.format(one.day, one.months, *figures, held))
