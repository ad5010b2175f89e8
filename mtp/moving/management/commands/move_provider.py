"""Move one provider to another database server."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from accounts.providers import NoSuchProvider, find_provider
from mtp.backups.dump import BackupError
from mtp.moving.copy import MoveError
from mtp.moving.move import GRACE_SECONDS, move


class Command(BaseCommand):
    """`manage.py move_provider --provider PREFIX --to SERVER`; the provider works meanwhile."""

    help = "Move a provider to another database server; it stands still for a moment only."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The provider, the server, and how long the old copy can still be read."""
        parser.add_argument("--provider", required=True, help="invoice prefix or schema name")
        parser.add_argument("--to", required=True, type=int, metavar="SERVER", help="its number")
        parser.add_argument(
            "--grace",
            type=float,
            default=GRACE_SECONDS,
            metavar="SECONDS",
            help="until the old copy is parked; requests that were under way still read it",
        )

    def handle(self, *, provider: str, to: int, grace: float, **_: Any) -> None:
        """Move and report."""
        try:
            report = move(provider=find_provider(name=provider), to=to, grace=grace)
        except (NoSuchProvider, BackupError, MoveError, Error) as error:
            raise CommandError(
                f"{error}\nRun the same command again; see Moving a provider in docs/scaling.md."
            ) from error
        self.stdout.write(
            f"{report.provider} is on server {report.provider.server}: copied in "
            f"{report.copy_seconds:.1f} s, stood still for {report.still_seconds:.1f} s, "
            f"{report.rows_beside:,} rows of the outbox and the registers with it."
        )
        if report.parked_as:
            self.stdout.write(
                f"The old copy is {report.parked_as}. Drop it once a new backup is made."
            )
