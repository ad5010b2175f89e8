"""Reconcile every provider after a restore of the whole database, before the portal starts."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import Provider
from accounts.provider_batches import active_providers
from accounts.providers import NoSuchProvider, find_provider
from billing.gateway.client import GatewayError
from core.database_owner import OwnerNeeded, require_owner
from mtp.backups.whole import reconcile_platform, reconcile_provider


class Command(BaseCommand):
    """`manage.py reconcile_restored --to INSTANT --stopped INSTANT [--number PREFIX-000123 …]`.

    Runs with the owner's role before web, workers and beat start; safe to repeat.
    """

    help = "Settle what was done after the instant that the database was restored to."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Both instants, and the highest number that a provider's customers hold."""
        with_offset = "with its UTC offset: 2026-11-29T08:15:00+00:00"
        parser.add_argument("--to", required=True, metavar="INSTANT", help=with_offset)
        parser.add_argument(
            "--stopped", required=True, metavar="INSTANT", help="when the portal last worked"
        )
        parser.add_argument(
            "--number", nargs="*", default=[], help="issued after the instant: PREFIX-000123"
        )

    def handle(self, *, to: str, stopped: str, number: list[str], **_: Any) -> None:
        """Reconcile each active provider; fail with the names of those that could not be."""
        restored_to, stopped_at = _instant(to), _instant(stopped)
        if stopped_at < restored_to:
            raise CommandError("The portal stopped before the instant of the restore?")
        highest = dict(map(_numbered, number))
        try:
            require_owner()
        except OwnerNeeded as error:
            raise CommandError(str(error)) from error
        now = timezone.now()
        mails = reconcile_platform(restored_to=restored_to, stopped_at=stopped_at, now=now)
        self.stdout.write(f"Mails withdrawn: {mails:,}")
        failed = []
        for provider in active_providers():
            try:
                result = reconcile_provider(
                    provider=provider,
                    restored_to=restored_to,
                    highest_number=highest.get(provider.pk, 0),
                    now=now,
                )
            except GatewayError as error:
                failed.append(f"{provider.invoice_prefix}: {error}")
                continue
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
