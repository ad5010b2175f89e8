"""Restore one provider from a backup."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.providers import NoSuchProvider, find_provider
from billing.gateway.client import GatewayError
from core.database_owner import OwnerNeeded, require_owner
from mtp.backups.dump import BackupError
from mtp.backups.restore import Report, finish_restore, restore


class Command(BaseCommand):
    """`manage.py restore_provider --provider PREFIX --from FILE`; the provider stands still."""

    help = "Put a provider's schema back to a backup, reconcile it, verify it, and open it again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The provider, the file, and whether only the steps after the restore are repeated."""
        parser.add_argument("--provider", required=True, help="invoice prefix or schema name")
        parser.add_argument("--from", required=True, type=Path, dest="path", metavar="FILE")
        parser.add_argument(
            "--finish",
            action="store_true",
            help="The schema is back already: reconcile, verify and open only.",
        )

    def handle(self, *, provider: str, path: Path, finish: bool, **_: Any) -> None:
        """Restore and report; fail while the provider stays stopped."""
        do = finish_restore if finish else restore
        try:
            require_owner()
            report = do(provider=find_provider(name=provider), path=path.resolve())
        except (NoSuchProvider, BackupError, GatewayError, OwnerNeeded) as error:
            raise CommandError(str(error)) from error
        self._print(report)
        if not report.is_open:
            raise CommandError(
                f"{report.provider} stays stopped: {len(report.problems)} to settle, then run the "
                "same command with --finish."
            )

    def _print(self, report: Report) -> None:
        self.stdout.write(f"{report.provider} as of {report.taken_at:%Y-%m-%d %H:%M:%S} UTC")
        self.stdout.write(f"  the earlier schema: {report.parked_as or 'none'}")
        for name, count in sorted(report.counts.items()):
            self.stdout.write(f"  {name}: {count:,}")
        for number in report.lost_documents:
            self.stdout.write(f"  lost: {number}")
        for user_id in report.active_again:
            self.stdout.write(f"  erased, and active again: user #{user_id}")
        for problem in report.problems:
            self.stderr.write(f"  {problem}")
        if report.is_open:
            self.stdout.write(self.style.SUCCESS("It works again."))
