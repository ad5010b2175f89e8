"""Take the daily snapshots that are due, without waiting for the schedule."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import Provider
from accounts.provider_batches import batches, on_their_server
from usage.ledger.snapshots import snapshot_providers


class Command(BaseCommand):
    """`manage.py take_snapshots [--provider PREFIX]`."""

    help = "Record every finished day that has no snapshot yet, and verify the usage ledger."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Only one provider, when asked."""
        parser.add_argument("--provider", help="invoice prefix of one provider; all without it")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        """Take the snapshots; fail when a provider failed or its ledger is wrong."""
        providers = Provider.objects.filter(state=Provider.State.ACTIVE).order_by("pk")
        if prefix := options["provider"]:
            providers = providers.filter(invoice_prefix=prefix.upper())
            if not providers.exists():
                raise CommandError(f"There is no active provider with the prefix {prefix!r}.")
        taken, wrong = 0, []
        for portion in batches(providers):
            with on_their_server(portion) as some:
                outcome = snapshot_providers(providers=list(some), now=timezone.now())
            taken += outcome.snapshots
            wrong += outcome.failed_schemas
            if outcome.differences:
                wrong.append(f"{outcome.differences} differences in the usage ledger (see the log)")
        self.stdout.write(f"{taken} snapshots taken")
        if wrong:
            raise CommandError("Not in order: " + ", ".join(wrong))
