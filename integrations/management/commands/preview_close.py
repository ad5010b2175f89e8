"""Preview the close of a month: its invoices, charges and mails, without any effect."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import Provider
from accounts.providers import NoSuchProvider, find_provider
from billing.choices import Collection
from billing.money import format_money
from billing.preview.changes import Change, Kind
from billing.preview.month_preview import (
    CannotPreview,
    MonthPreview,
    months_to_preview,
    preview_month,
)
from core.months import Month
from core.schema import provider_schema
from integrations.preview_checks import psa

LISTED_CHANGES = 20


class Command(BaseCommand):
    """`manage.py preview_close [--provider demo] [--month 2026-10]`; changes nothing."""

    help = (
        "Shows what closing a month would issue, charge and mail, and the changes since the last."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Provider and month; all providers and the next month to close by default."""
        parser.add_argument("--provider", help="Its invoice prefix or schema; else all of them.")
        parser.add_argument("--month", help="Such as 2026-10; else the next to be closed.")
        parser.add_argument("--all", dest="every", action="store_true", help="List every change.")

    def handle(
        self,
        *,
        provider: str | None,
        month: str | None,
        every: bool,
        **_: Any,
    ) -> None:
        """Preview the month of each provider and print it."""
        try:
            chosen = Month.parse(month) if month else None
            providers = (
                [find_provider(name=provider)]
                if provider
                else list(Provider.objects.filter(state=Provider.State.ACTIVE).order_by("name"))
            )
        except (ValueError, NoSuchProvider) as error:
            raise CommandError(str(error)) from error
        for each in providers:
            try:
                self._print(_preview(each, chosen), limit=None if every else LISTED_CHANGES)
            except CannotPreview as refusal:
                if provider:
                    raise CommandError(str(refusal)) from refusal
                self.stdout.write(f"{refusal}\n")

    def _print(self, preview: MonthPreview, *, limit: int | None) -> None:
        until = f"as of {preview.now:%Y-%m-%d %H:%M} UTC" if preview.is_running else "over"
        self.stdout.write(
            self.style.MIGRATE_HEADING(f"{preview.provider.name}, {preview.month} ({until})")
        )
        for text in (*_invoices(preview), *_checks(preview), *_changes(preview, limit)):
            self.stdout.write(f"  {text}")
        self.stdout.write("  Preview: nothing was written, charged or mailed.\n")


def _preview(provider: Provider, month: Month | None) -> MonthPreview:
    now = timezone.now()
    if month is None:
        with provider_schema(provider):
            month = months_to_preview(provider=provider, now=now)[0]
    return preview_month(provider=provider, month=month, now=now, checks=[psa])


def _invoices(preview: MonthPreview) -> list[str]:
    if preview.why_nothing:
        return [f"{preview.why_nothing}: nothing to invoice."]
    rows = []
    for draft in preview.plan.drafts:
        total = format_money(draft.total_minor, preview.currency)
        how = (
            f"charged to the card on {preview.charge_day:%-d %B %Y}"
            if draft.collection is Collection.AUTOMATIC
            else f"mailed to {', '.join(preview.recipients)}, due {preview.due_day:%-d %B %Y}"
        )
        rows.append(f"{draft.kind.value:<11}{total:>16}  {len(draft.lines):,} lines, {how}")
    total = format_money(preview.plan.total_minor, preview.currency)
    last = preview.last_total_minor
    before = "" if last is None else f"  (last month {format_money(last, preview.currency)})"
    return [*rows, f"{'total':<11}{total:>16}{before}"]


def _checks(preview: MonthPreview) -> list[str]:
    rows = [f"Card: {risk}" for risk in preview.card.risks if preview.charged]
    rows += [
        f"Late: {line.description}, {format_money(line.amount_minor, preview.currency)}"
        for line in preview.adjustments
    ]
    for result in preview.checks:
        rows.append(f"{result.title}: {result.summary}")
        rows += [f"  {finding.title} {finding.detail}".rstrip() for finding in result.findings]
    return rows


def _changes(preview: MonthPreview, limit: int | None) -> list[str]:
    moved = [change for change in preview.changes if change.kind is not Kind.SAME]
    same = len(preview.changes) - len(moved)
    moved.sort(key=lambda change: abs(change.now - change.before), reverse=True)
    listed = moved[:limit]
    rows = [f"{len(moved):,} organizations changed, {same:,} did not."]
    rows += [_change(change, preview.currency) for change in listed]
    if len(moved) > len(listed):
        rows.append(f"… and {len(moved) - len(listed):,} more (--all).")
    return rows


def _change(change: Change, currency: str) -> str:
    more = change.more_minor
    money = "" if more is None else f"{'+' if more > 0 else ''}{format_money(more, currency)}"
    note = "" if change.usual is None else f"  unusual: {change.usual:g} is usual"
    return (
        f"{change.kind.value:<5}{change.before:>8,} to {change.now:<8,}{money:>14}  "
        f"{change.name}{note}"
    )
