"""`manage.py load_demo`: loads the demo providers once and prints their logins."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from core.months import Month
from mtp.demo.companies import DEMO, PASSWORD
from mtp.demo.load import load_demo, logins


class Command(BaseCommand):
    """Loads the demo providers that are missing and lists all logins."""

    help = "Loads the demo providers that are missing, and prints their logins."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        """Load, then print one login a line."""
        now = timezone.now()
        load_demo(now=now, report=self.stdout.write)
        for role, email, provider in logins():
            self.stdout.write(f"{role:<28}{email:<28}{provider}")
        self.stdout.write(f"Password of all logins: {PASSWORD}")
        month = Month.of(now, DEMO.zone).previous
        self.stdout.write(
            f"To close the last month: manage.py close_month --provider demo --month {month}"
        )
