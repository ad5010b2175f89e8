"""Replay a provider's event log against everything projected from it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.providers import NoSuchProvider, find_provider
from core.schema import provider_schema
from usage.ledger.verify import verify_ledger


class Command(BaseCommand):
    """`manage.py verify_ledger --provider PREFIX`; changes nothing."""

    help = "Compare a provider's counters, months and rows with its event log."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The provider."""
        parser.add_argument("--provider", required=True, help="invoice prefix or schema name")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        """Name each difference; fail when there is one."""
        try:
            provider = find_provider(name=options["provider"])
        except NoSuchProvider as error:
            raise CommandError(str(error)) from error
        with provider_schema(provider):
            differences = verify_ledger()
        for difference in differences:
            self.stderr.write(str(difference))
        if differences:
            raise CommandError(f"{len(differences)} differences in the usage ledger of {provider}.")
        self.stdout.write(f"The usage ledger of {provider} is correct.")
