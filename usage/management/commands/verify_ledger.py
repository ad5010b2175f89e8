"""Replay event logs against everything projected from them."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Provider
from accounts.provider_batches import active_providers
from accounts.providers import NoSuchProvider, find_provider
from core.schema import provider_schema
from usage.ledger.verify import verify_ledger


class Command(BaseCommand):
    """`manage.py verify_ledger --provider PREFIX`, or `--all`; changes nothing.

    The exit code is 1 if something differs.
    """

    help = "Compare counters, months and rows of one provider, or of all, with their event logs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One provider, or all that are active."""
        chosen = parser.add_mutually_exclusive_group(required=True)
        chosen.add_argument("--provider", help="invoice prefix or schema name")
        chosen.add_argument("--all", dest="every", action="store_true", help="every active one")

    def handle(self, *, provider: str | None, every: bool, **_: Any) -> None:  # noqa: ARG002 - a command's signature
        """Name each difference; fail when there is one."""
        providers = wrong = 0
        for each in _providers(provider):
            with provider_schema(each):
                differences = verify_ledger()
            providers += 1
            wrong += bool(differences)
            for difference in differences:
                self.stderr.write(f"{each}: {difference}")
            counted = f"{len(differences)} differences" if differences else "correct"
            self.stdout.write(f"The usage ledger of {each}: {counted}.")
        if wrong:
            raise CommandError(
                f"{wrong} of {providers} usage ledgers differ from their event logs."
            )


def _providers(name: str | None) -> list[Provider]:
    if name is None:
        return list(active_providers())
    try:
        return [find_provider(name=name)]
    except NoSuchProvider as error:
        raise CommandError(str(error)) from error
