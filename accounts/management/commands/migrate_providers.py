"""`manage.py migrate_providers`: migrate every schema. Run it at each release, not `migrate`."""

from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.due_providers import mark_changed
from accounts.provider_batches import active_providers
from accounts.provisioning.schema_migrations import ContractPending
from accounts.provisioning.schema_rollout import (
    Outcome,
    SchemaResult,
    migrate_provider_schemas,
    migrate_public_schemas,
)
from core.postgresql.addresses import own_session


class Command(BaseCommand):
    """Prints a line per schema; exits with 1, after all schemas, if one failed."""

    help = (
        "Brings the public schema and every provider's schema to this release. "
        "The previous release can still serve them; contract steps are taken only with --contract, "
        "once none of its processes runs. Schemas that need no migration are skipped. Django's own "
        "`migrate` and `migrate_schemas` take much longer over many providers."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Whether contract steps are taken too."""
        parser.add_argument(
            "--contract",
            action="store_true",
            help="Take contract steps too: the previous release refuses to serve afterwards.",
        )

    @own_session()
    def handle(self, *args: Any, contract: bool = False, **options: Any) -> None:  # noqa: ARG002 - a command's signature
        """Migrate every schema and print its result."""
        try:
            shared = list(map(self._report, migrate_public_schemas(contract=contract)))
        except ContractPending as pending:
            raise CommandError(str(pending)) from pending
        results = migrate_provider_schemas(contract=contract)
        outcomes = Counter(map(self._report, results))
        counted = ", ".join(f"{outcomes[outcome]} {outcome.value}" for outcome in Outcome)
        self.stdout.write(f"Providers: {counted}.")
        # This release may decide otherwise about what has not changed.
        mark_changed(active_providers())
        if Outcome.FAILED in {*shared, *outcomes}:
            raise SystemExit(1)

    def _report(self, result: SchemaResult) -> Outcome:
        line = f"{result.schema:<32} {result.outcome.value}"
        if result.outcome is Outcome.MIGRATED:
            line += f" ({result.applied})"
        if result.outcome is Outcome.FAILED:
            self.stdout.write(self.style.ERROR(f"{line}: {result.reason}"))
        else:
            self.stdout.write(line)
        return result.outcome
