"""Reconcile every provider with Stripe after a restore of the whole database."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import Provider
from accounts.provider_batches import active_providers
from accounts.providers import NoSuchProvider, find_provider
from billing.gateway.client import GatewayError
from billing.reconciliation.after_restore import reconcile_after_restore
from mtp.backups.sequences import move_numbers


class Command(BaseCommand):
    """`manage.py reconcile_restored --to INSTANT [--number PREFIX-000123 …]`; safe to repeat.

    Runs before web, workers and beat start.
    """

    help = "Book what Stripe did after the instant that the database was restored to."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The instant, and the highest number that a provider's customers hold."""
        parser.add_argument("--to", required=True, metavar="INSTANT", help="with its UTC offset")
        parser.add_argument(
            "--number", nargs="*", default=[], help="issued after the instant: PREFIX-000123"
        )

    def handle(self, *, to: str, number: list[str], **_: Any) -> None:
        """Reconcile each active provider; fail with the names of those that could not be."""
        instant = _instant(to)
        highest = dict(map(_numbered, number))
        failed = []
        for provider in active_providers():
            try:
                result = reconcile_after_restore(
                    provider=provider, taken_at=instant, now=timezone.now()
                )
            except GatewayError as error:
                failed.append(f"{provider.invoice_prefix}: {error}")
                continue
            move_numbers(provider=provider, at_least=highest.get(provider.pk, 0))
            failed += [f"{provider.invoice_prefix}: {problem}" for problem in result.problems]
            counts = ", ".join(f"{name} {count}" for name, count in sorted(result.counts.items()))
            self.stdout.write(f"{provider.invoice_prefix}: {counts or 'nothing to do'}")
        if failed:
            raise CommandError("\n".join([*failed, "Run it again before the portal starts."]))


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{text} is no instant, as 2026-11-29T08:15:00+00:00 is.") from error
    if instant.tzinfo is None:
        raise CommandError(f"{text} has no UTC offset, as 2026-11-29T08:15:00+00:00 has.")
    return instant


def _numbered(number: str) -> tuple[int, int]:
    prefix, _, digits = number.rpartition("-")
    try:
        provider: Provider = find_provider(name=prefix)
    except NoSuchProvider as error:
        raise CommandError(str(error)) from error
    if not digits.isdecimal():
        raise CommandError(f"{number} is no invoice number.")
    return provider.pk, int(digits)
