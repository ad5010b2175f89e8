"""List every text of pages, mails, documents and messages, for review."""

import csv
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from mtp.texts.collected import collected


class Command(BaseCommand):
    """`manage.py texts > texts.csv`; `texts --containing "peak"` lists those with these words."""

    help = "Write all texts that people read as CSV: file, line, text."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What the texts must contain."""
        parser.add_argument("--containing", default="", help="Only texts with these words.")

    def handle(self, *, containing: str, **_: Any) -> None:
        """Write the list to standard output."""
        writer = csv.writer(self.stdout, lineterminator="\n")
        writer.writerow(["File", "Line", "Text"])
        writer.writerows(
            [each.path, each.line, each.text]
            for each in collected()
            if containing.casefold() in each.text.casefold()
        )
