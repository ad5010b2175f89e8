"""Check what the product promises for each provider; what is broken becomes an alert."""

from argparse import ArgumentParser
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import Provider
from accounts.provider_batches import active_providers, batches, for_each_provider
from accounts.providers import NoSuchProvider, find_provider
from billing.provider_check import PROMISES, check_provider
from core.operations.kinds import kind_named
from core.operations.open_alerts import open_alerts
from core.operations.outbox_watch import watch_outbox
from core.servers import from_each_server
from usage.formatting import counted_noun


class Command(BaseCommand):
    """`manage.py check_promises`, or `--provider demo`; the exit code is 1 if one is broken."""

    help = "Prove that nothing waits without a trace; list what does, with the next step."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The provider; all by default."""
        parser.add_argument("--provider", help="Its invoice prefix or schema; else all of them.")

    def handle(self, *, provider: str | None, **_: Any) -> None:
        """Check as the hourly round does, in its batches; print each broken promise."""
        now = timezone.now()
        from_each_server(partial(watch_outbox, now=now))
        checked: list[str] = []
        broken = 0

        def check(each: Provider) -> None:
            nonlocal broken
            for case in check_provider(provider=each, now=now):
                broken += 1
                self.stderr.write(f"{each.name}: {kind_named(case.kind).title}")
                self.stderr.write(f"  {case.cause.summary}")
                self.stderr.write(f"  Next step: {case.cause.next_step}")
            checked.append(each.schema_name)

        providers = batches(active_providers()) if provider is None else [[_id_of(provider)]]
        for batch in providers:
            for_each_provider(batch, check, round_=PROMISES, now=now)
        count = sum(len(batch) for batch in providers)
        alerts = sum(each.count for each in open_alerts())
        if broken or len(checked) < count:
            raise CommandError(
                f"{counted_noun(broken, 'promises')} broken, {count - len(checked):,} of "
                f"{counted_noun(count, 'providers')} not checked."
            )
        self.stdout.write(
            self.style.SUCCESS(
                f"Every promise is kept for {counted_noun(count, 'providers')}; "
                f"{counted_noun(alerts, 'alerts')} open."
            )
        )


def _id_of(name: str) -> int:
    try:
        return int(find_provider(name=name).pk)
    except NoSuchProvider as error:
        raise CommandError(str(error)) from error
