"""Rebuild counters and months from the event log, having shown what is wrong."""

import logging
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import Provider
from accounts.providers import NoSuchProvider, find_provider
from core.actors import Actor, ActorKind
from core.database_owner import OwnerNeeded, require_owner
from core.schema import provider_schema
from usage.ledger.rebuild import rebuild_usage
from usage.ledger.verify import Difference, verify_ledger

log = logging.getLogger(__name__)
COMMAND = Actor(id=None, name="Operations (rebuild_usage)", kind=ActorKind.OPERATIONS)


class Command(BaseCommand):
    """`manage.py rebuild_usage [--provider PREFIX] [--apply] [--closed-months]`."""

    help = "Show where usage and its event log differ; with --apply rebuild usage from the log."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whose, and whether only to look."""
        parser.add_argument("--provider", help="invoice prefix or schema name; all without it")
        parser.add_argument("--apply", action="store_true", help="rebuild; otherwise only look")
        parser.add_argument(
            "--closed-months",
            action="store_true",
            help="rebuild closed months too: their invoices stay as they were issued",
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        """Handle each provider separately; fail when one still differs, or failed."""
        if options["apply"]:
            try:
                require_owner()
            except OwnerNeeded as error:
                raise CommandError(str(error)) from error
        wrong = []
        for provider in self._providers(options["provider"]):
            try:
                with provider_schema(provider):
                    left = self._one(provider, apply=options["apply"], **_closed(options))
            except Exception:
                log.exception("Usage of %s", provider)
                wrong.append(f"{provider}: failed (see the log)")
                continue
            if left:
                wrong.append(f"{provider}: {len(left)} differences")
        if wrong:
            raise CommandError("; ".join(wrong))

    def _providers(self, name: str | None) -> list[Provider]:
        if name is None:
            return list(Provider.objects.filter(state=Provider.State.ACTIVE).order_by("pk"))
        try:
            return [find_provider(name=name)]
        except NoSuchProvider as error:
            raise CommandError(str(error)) from error

    def _one(self, provider: Provider, *, apply: bool, closed_too: bool) -> list[Difference]:
        differences = verify_ledger()
        if not differences and not apply:
            self.stdout.write(f"{provider}: nothing differs.")
            return []
        for difference in differences:
            self.stdout.write(f"{provider}: {difference}")
        if not apply:
            self.stdout.write(f"{provider}: nothing was changed; --apply rebuilds from the log.")
            return differences
        rebuilt = rebuild_usage(closed_too=closed_too, actor=COMMAND, now=timezone.now())
        self.stdout.write(
            f"{provider}: {rebuilt.counters} counters and {rebuilt.months} months rebuilt."
        )
        for difference in rebuilt.after:
            self.stdout.write(f"{provider}: still {difference}")
        return rebuilt.after


def _closed(options: dict[str, Any]) -> dict[str, bool]:
    return {"closed_too": options["closed_months"]}
