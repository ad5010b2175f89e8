"""Restoring one provider from a backup, without issuing a number or charging an amount again.

The steps, each safe to repeat: stop the provider; park the schema that is there under another
name; restore; migrate to this release; move numbers and ids past the highest ever used; reconcile
the outbox and Stripe; verify. Only then the provider works again (docs/decisions/0027).
"""

import tempfile
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from django.db import connection, transaction
from django.utils import timezone
from psycopg import sql

from accounts.models import IssuedDocument, Provider
from accounts.provisioning.schema_migrations import ProviderMigrations, schema_exists
from billing.dunning.status import update_dunning
from billing.erasure.erase import erase_again
from billing.models import CreditNote, Invoice
from billing.reconciliation.after_restore import reconcile_after_restore
from billing.verification.verify import closed_months, verify_month
from core.operations.alerts import raise_alert, settle_alert
from core.outbox.delivery import batch_wakeups
from core.outbox.pauses import pause, resume
from core.postgresql.addresses import own_session
from core.schema import provider_schema
from core.servers import directory_alias, on_server
from mtp.backups.dump import DUMP, BackupError, Manifest, run_tool
from mtp.backups.kinds import RESTORE, RESTORE_ERASED, RESTORE_LOST
from mtp.backups.outbox import reconcile_outbox
from mtp.backups.sequences import move_numbers, move_past_the_highest
from usage.ledger.verify import verify_ledger

REASON = "restored from a backup"


@dataclass(slots=True)
class Report:
    """The result of a restore: counts of what was done, and what a person has to look at."""

    provider: Provider
    taken_at: datetime
    parked_as: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    lost_documents: list[str] = field(default_factory=list)
    active_again: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether the provider works again; it stays stopped while there are problems."""
        return not self.problems


@own_session()
def restore(*, provider: Provider, path: Path) -> Report:
    """Restore the provider's schema from the backup, reconcile, verify, and open the provider.

    The provider is stopped first and stays so on any error and on any difference; a second call
    with the same file starts again. Raises `BackupError`, and `GatewayError` when Stripe does not
    answer.
    """
    manifest = Manifest.read(path)
    _check_it_fits(manifest, provider)
    with on_server(provider.server):
        return _restore(provider, path, manifest)


def _restore(provider: Provider, path: Path, manifest: Manifest) -> Report:
    _stop(provider)
    report = Report(provider=provider, taken_at=manifest.instant)
    report.parked_as = _park(provider.schema_name)
    with tempfile.TemporaryDirectory() as directory, zipfile.ZipFile(path) as file:
        run_tool(
            "pg_restore",
            "--exit-on-error",
            "--single-transaction",
            "--no-owner",
            f"--dbname={connection.settings_dict['NAME']}",
            file.extract(DUMP, directory),
        )
    ProviderMigrations().apply_to(schema=provider.schema_name)
    provider.set_at_this_release()
    provider.save(using=directory_alias(), update_fields=Provider.STEPS)
    return _reconcile_and_open(report, manifest)


def finish_restore(*, provider: Provider, path: Path) -> Report:
    """The steps after the schema is back, of a provider that stays stopped; raises as `restore`."""
    manifest = Manifest.read(path)
    _check_it_fits(manifest, provider)
    if provider.state != Provider.State.RESTORING:
        raise BackupError(f"{provider} is not being restored: its state is {provider.state}.")
    with on_server(provider.server):
        return _reconcile_and_open(Report(provider=provider, taken_at=manifest.instant), manifest)


def _reconcile_and_open(report: Report, manifest: Manifest) -> Report:
    provider = report.provider
    now = timezone.now()
    report.counts["sequences"] = move_past_the_highest(
        provider=provider, is_parked=bool(report.parked_as)
    )
    report.counts.update(reconcile_outbox(manifest=manifest, now=now))
    report.lost_documents = _lost_documents(provider)
    with batch_wakeups():
        stripe = reconcile_after_restore(provider=provider, taken_at=manifest.instant, now=now)
    move_numbers(provider=provider)
    report.counts.update(stripe.counts)
    report.problems += stripe.problems
    with provider_schema(provider):
        report.active_again = erase_again(provider=provider, now=now)
        update_dunning(now=now)
        report.problems += [str(difference) for difference in verify_ledger()]
    for month in closed_months(provider=provider):
        verification = verify_month(provider=provider, month=month, renders=False)
        report.counts["months"] += 1
        report.problems += [f"{month}: {difference}" for difference in verification.differences]
    _announce(report, now=now)
    if report.is_open:
        _set_state(provider, Provider.State.ACTIVE, detail="")
        resume(schema=provider.schema_name)
    return report


def _check_it_fits(manifest: Manifest, provider: Provider) -> None:
    if manifest.provider_id != str(provider.provider_id):
        raise BackupError(
            f"The backup is of provider {manifest.invoice_prefix} ({manifest.provider_id}), "
            f"not of {provider.invoice_prefix} ({provider.provider_id})."
        )
    if manifest.server != provider.server:
        raise BackupError(
            f"The backup was taken on database server {manifest.server}, and {provider} moved to "
            f"server {provider.server} since: its ids are of another range. Restore one of those "
            "that were taken since."
        )
    unknown = {tuple(key) for key in manifest.migrations} - ProviderMigrations().target
    if unknown:
        names = ", ".join(sorted(".".join(key) for key in unknown))
        raise BackupError(f"The backup is of a later release: this one does not know {names}.")


def _stop(provider: Provider) -> None:
    """Refuse sign-ins, rounds and messages; a request under way ends before the park."""
    detail = f"{REASON} since {timezone.now():%Y-%m-%d %H:%M} UTC"
    _set_state(provider, Provider.State.RESTORING, detail=detail)
    pause(schema=provider.schema_name, reason=REASON, now=timezone.now())


def _set_state(provider: Provider, state: Provider.State, *, detail: str) -> None:
    directory = directory_alias()
    rows = Provider.objects.using(directory).filter(pk=provider.pk)
    rows.update(state=state, state_detail=detail)
    provider.refresh_from_db(using=directory)


def _park(schema: str) -> str:
    """Rename the schema that is there, which waits for its transactions; "" if there is none."""
    if not schema_exists(schema=schema):
        return ""
    parked = f"{schema}_parked_{timezone.now():%Y%m%d%H%M%S%f}"
    with transaction.atomic(), connection.cursor() as cursor:
        rename = sql.SQL("ALTER SCHEMA {} RENAME TO {}")
        cursor.execute(rename.format(sql.Identifier(schema), sql.Identifier(parked)))
    return parked


def _lost_documents(provider: Provider) -> list[str]:
    """Numbers of the public register that the restored schema does not hold, oldest first."""
    issued = IssuedDocument.objects.filter(provider=provider).order_by("issued_at", "position")
    with provider_schema(provider):
        here = {
            *Invoice.objects.values_list("number", flat=True),
            *CreditNote.objects.values_list("number", flat=True),
        }
    return [number for number in issued.values_list("number", flat=True) if number not in here]


def _announce(report: Report, *, now: datetime) -> None:
    """Tell operations what was lost, and why a provider stays stopped, until each is settled."""
    prefix = report.provider.invoice_prefix
    with provider_schema(report.provider):
        if report.problems:
            raise_alert(
                kind=RESTORE,
                key=prefix,
                summary=f"{prefix} is stopped after a restore: {'; '.join(report.problems)[:1500]}",
                next_step="Mend each difference (runbook, Restoring one provider), then run "
                f"restore_provider --provider {prefix} --from FILE --finish.",
                now=now,
            )
        else:
            settle_alert(kind=RESTORE, key=prefix, now=now)
        if report.active_again:
            ids = ", ".join(f"#{user_id}" for user_id in report.active_again)
            raise_alert(
                kind=RESTORE_ERASED,
                key=f"{prefix}:{report.taken_at:%Y-%m-%dT%H:%M}",
                summary=f"{prefix} has users again who were erased after the backup: {ids}.",
                next_step="Ask the provider to remove them again, and to erase them once the month "
                "is billed.",
                now=now,
            )
        if report.lost_documents:
            raise_alert(
                kind=RESTORE_LOST,
                key=f"{prefix}:{report.taken_at:%Y-%m-%dT%H:%M}",
                summary=f"Issued after the backup and lost: {', '.join(report.lost_documents)}. "
                f"The earlier schema is kept as {report.parked_as or 'nothing'}.",
                next_step="Inform the provider. Months close again with new numbers, and payments "
                "that Stripe holds are assigned to them. Enter bank transfers again.",
                now=now,
            )
