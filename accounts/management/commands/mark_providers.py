"""`manage.py mark_providers`: have every scheduled round look at providers again."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.due_providers import mark_changed
from accounts.provider_batches import active_providers


class Command(BaseCommand):
    """`manage.py mark_providers [--provider PREFIX]`."""

    help = (
        "The next run of each round looks at these providers, as if they had changed. Needed after "
        "a setting changed that a round reads, as the days of a notice."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Only one provider, when asked."""
        parser.add_argument("--provider", help="invoice prefix of one provider; all without it")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - a command's signature
        """Mark them and print how many they are."""
        providers = active_providers()
        if prefix := options["provider"]:
            providers = providers.filter(invoice_prefix=prefix.upper())
            if not providers.exists():
                raise CommandError(f"There is no active provider with the prefix {prefix!r}.")
        self.stdout.write(f"{mark_changed(providers)} providers marked")
