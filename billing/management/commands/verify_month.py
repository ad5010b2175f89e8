"""Verify closed months: recompute them from events and contracts, and compare."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Provider
from accounts.providers import NoSuchProvider, find_provider
from billing.verification.verify import Verification, closed_months, verify_month
from core.months import Month
from usage.formatting import counted_noun


class Command(BaseCommand):
    """`manage.py verify_month --provider demo --month 2026-10`, or `--all`; changes nothing.

    The exit code is 1 if something differs, and if nothing was verified.
    """

    help = "Recompute closed months from their events and contracts; list the differences."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add provider and month, or all of them."""
        parser.add_argument("--provider", help="Its invoice prefix or schema; else all of them.")
        parser.add_argument("--month", help="Such as 2026-10; else every closed month.")
        parser.add_argument("--all", dest="every", action="store_true", help="Every provider's.")
        parser.add_argument(
            "--no-render",
            action="store_true",
            help="Compare stored documents with their hash only, not with a new rendering.",
        )

    def handle(
        self,
        *,
        provider: str | None,
        month: str | None,
        every: bool,
        no_render: bool,
        **_: Any,
    ) -> None:
        """Verify each month, print each difference, and fail if there is one."""
        if not provider and not every:
            raise CommandError("Say which --provider, or --all.")
        verified = differences = 0
        for each in _providers(provider):
            for each_month in _months(each, month, is_chosen=provider is not None):
                verification = verify_month(provider=each, month=each_month, renders=not no_render)
                self._print(each, verification)
                verified += 1
                differences += len(verification.differences)
        if differences:
            counted = counted_noun(differences, "differences")
            raise CommandError(f"{counted} in {verified:,} months.")
        if not verified:
            raise CommandError("No closed month: nothing was verified.")
        self.stdout.write(self.style.SUCCESS(f"Nothing differs in {verified:,} months."))

    def _print(self, provider: Provider, verification: Verification) -> None:
        count = len(verification.differences)
        result = f"{count:,} differ" if count else "right"
        self.stdout.write(
            f"{provider.name}, {verification.month}: {result} ({verification.summary})"
        )
        for difference in verification.differences:
            self.stderr.write(f"  {difference}")
        for remark in verification.remarks:
            self.stdout.write(f"  {remark}")


def _providers(name: str | None) -> list[Provider]:
    if name is None:
        return list(Provider.objects.filter(state=Provider.State.ACTIVE).order_by("name"))
    try:
        return [find_provider(name=name)]
    except NoSuchProvider as error:
        raise CommandError(str(error)) from error


def _months(provider: Provider, month: str | None, *, is_chosen: bool) -> list[Month]:
    closed = closed_months(provider=provider)
    if month is None:
        return closed
    try:
        chosen = Month.parse(month)
    except ValueError as error:
        raise CommandError(str(error)) from error
    if is_chosen and chosen not in closed:
        raise CommandError(f"{month} of {provider.name} is not closed.")
    return [chosen] if chosen in closed else []
