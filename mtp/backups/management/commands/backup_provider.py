"""Back up one provider's schema to a file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.providers import NoSuchProvider, find_provider
from mtp.backups.dump import BackupError, back_up


class Command(BaseCommand):
    """`manage.py backup_provider --provider PREFIX --to FILE`; the provider works on."""

    help = "Write a provider's schema, with what a restore needs, to a new file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The provider and the file."""
        parser.add_argument("--provider", required=True, help="invoice prefix or schema name")
        parser.add_argument("--to", required=True, type=Path, help="a new file", metavar="FILE")

    def handle(self, *, provider: str, to: Path, **_: Any) -> None:
        """Write the backup; fail without leaving a file."""
        try:
            manifest = back_up(provider=find_provider(name=provider), path=to.resolve())
        except (NoSuchProvider, BackupError) as error:
            raise CommandError(str(error)) from error
        size = to.stat().st_size
        self.stdout.write(
            f"{to}: {manifest.invoice_prefix} as of {manifest.taken_at}, {size:,} bytes."
        )
