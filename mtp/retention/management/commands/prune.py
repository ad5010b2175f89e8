"""Remove rows whose period is over, as the nightly task does."""

from argparse import ArgumentParser
from collections import Counter
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import Provider
from accounts.provider_batches import active_providers, batches, for_each_provider
from core.schema import provider_schema
from core.servers import from_each_server
from mtp.retention.periods import PLATFORM_RULES, PROVIDER_RULES
from mtp.retention.prune import PRUNE, overdue_rows, prune_platform, prune_provider
from usage.formatting import counted_noun


class Command(BaseCommand):
    """`manage.py prune`, or `prune --dry-run`, which only counts."""

    help = "Remove rows whose period is over, of the platform and of every provider."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whether to count only."""
        parser.add_argument("--dry-run", action="store_true", help="Count; remove nothing.")

    def handle(self, *, dry_run: bool, **_: Any) -> None:
        """Prune or count, and print the number of rows of each rule."""
        now = timezone.now()
        counts: Counter[str] = Counter()
        done = 0

        def prune(provider: Provider) -> None:
            nonlocal done
            counts.update(prune_provider(provider=provider, now=now))
            done += 1

        providers = batches(active_providers())
        if dry_run:
            for found in from_each_server(partial(overdue_rows, PLATFORM_RULES, now=now)).values():
                counts.update(found)
            for provider in active_providers():
                with provider_schema(provider):
                    counts.update(overdue_rows(PROVIDER_RULES, now=now))
        else:
            for found in from_each_server(partial(prune_platform, now=now)).values():
                counts.update(found)
            for batch in providers:
                for_each_provider(batch, prune, round_=PRUNE, now=now)
        for rule in (*PLATFORM_RULES, *PROVIDER_RULES):
            self.stdout.write(f"{counts[rule.name]:>12,}  {rule.name}, kept {rule.days:,} days")
        missed = 0 if dry_run else sum(map(len, providers)) - done
        if missed:
            raise CommandError(f"{counted_noun(missed, 'providers')} failed; read the log.")
