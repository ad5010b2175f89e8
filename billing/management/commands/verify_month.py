"""Verify closed months: what was billed, worked out anew from events and contracts."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Provider
from accounts.providers import NoSuchProvider, find_provider
from billing.verification.differences import Verification
from billing.verification.verify import closed_months, verify_month
from core.months import Month
from usage.formatting import counted_noun


class Command(BaseCommand):
    """`manage.py verify_month --provider demo --month 2026-10`, or `--all`; changes nothing.

    The exit code is 1 where something differs, and where nothing was verified.
    """

    help = "Recompute closed months from their events and contracts; name whatever differs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which provider and month, or all of them."""
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
        """Verify each month, name each difference, and fail when there is one."""
        if not provider and not every:
            raise CommandError("Say which --provider, or --all.")
        verified = differences = 0
        for each in _providers(provider):
            for asked in _months(each, month, is_chosen=provider is not None):
                found = verify_month(provider=each, month=asked, renders=not no_render)
                self._show(each, found)
                verified += 1
                differences += len(found.differences)
        if differences:
            found_in = f"{counted_noun(differences, 'differences')} in {verified:,} months."
            raise CommandError(found_in)
        if not verified:
            raise CommandError("No closed month: nothing was verified.")
        self.stdout.write(self.style.SUCCESS(f"Nothing differs in {verified:,} months."))

    def _show(self, provider: Provider, found: Verification) -> None:
        verdict = f"{len(found.differences):,} differ" if found.differences else "right"
        self.stdout.write(f"{provider.name}, {found.month}: {verdict} ({found.summary})")
        for difference in found.differences:
            self.stderr.write(f"  {difference}")
        for remark in found.remarks:
            self.stdout.write(f"  {remark}")


def _providers(named: str | None) -> list[Provider]:
    if named is None:
        return list(Provider.objects.filter(state=Provider.State.ACTIVE).order_by("name"))
    try:
        return [find_provider(name=named)]
    except NoSuchProvider as error:
        raise CommandError(str(error)) from error


def _months(provider: Provider, month: str | None, *, is_chosen: bool) -> list[Month]:
    closed = closed_months(provider=provider)
    if month is None:
        return closed
    try:
        asked = Month.parse(month)
    except ValueError as error:
        raise CommandError(str(error)) from error
    if is_chosen and asked not in closed:
        raise CommandError(f"{month} of {provider.name} is not closed.")
    return [asked] if asked in closed else []
