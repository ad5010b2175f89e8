"""`manage.py load_demo`: the demo providers, once; prints who can sign in."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from core.months import Month
from mtp.demo.companies import DEMO, PASSWORD
from mtp.demo.load import load_demo, logins


class Command(BaseCommand):
    """Loads what is missing of the demo and lists its logins."""

    help = "Loads the demo providers once, and prints who can sign in."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        """Load, then print one login a line."""
        now = timezone.now()
        load_demo(now=now, say=self.stdout.write)
        for role, email, provider in logins():
            self.stdout.write(f"{role:<28}{email:<26}{provider}")
        self.stdout.write(f"Password of all of them: {PASSWORD}")
        month = Month.of(now, DEMO.zone).previous
        self.stdout.write(
            f"Left for you to close: manage.py close_month --provider demo --month {month}"
        )
