"""Rehearse the close of a month: what it would issue, charge and mail, without doing any of it."""

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

SHOWN_CHANGES = 20


class Command(BaseCommand):
    """`manage.py preview_close [--provider demo] [--month 2026-10]`; changes nothing."""

    help = "What closing a month would issue, charge and mail, and what changed against the last."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whose month; all providers' and the next to close unless said."""
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
        """Rehearse each, and say what it would come to."""
        try:
            asked = Month.parse(month) if month else None
            providers = (
                [find_provider(name=provider)]
                if provider
                else list(Provider.objects.filter(state=Provider.State.ACTIVE).order_by("name"))
            )
        except (ValueError, NoSuchProvider) as error:
            raise CommandError(str(error)) from error
        for each in providers:
            try:
                self._show(_rehearsed(each, asked), shown=None if every else SHOWN_CHANGES)
            except CannotPreview as refusal:
                if provider:
                    raise CommandError(str(refusal)) from refusal
                self.stdout.write(f"{refusal}\n")

    def _show(self, rehearsal: MonthPreview, *, shown: int | None) -> None:
        until = f"as of {rehearsal.now:%Y-%m-%d %H:%M} UTC" if rehearsal.is_running else "over"
        self.stdout.write(
            self.style.MIGRATE_HEADING(f"{rehearsal.provider.name}, {rehearsal.month} ({until})")
        )
        for text in (*_invoices(rehearsal), *_looks(rehearsal), *_changes(rehearsal, shown)):
            self.stdout.write(f"  {text}")
        self.stdout.write("  Rehearsed: nothing was written, charged or mailed.\n")


def _rehearsed(provider: Provider, month: Month | None) -> MonthPreview:
    now = timezone.now()
    if month is None:
        with provider_schema(provider):
            month = months_to_preview(provider=provider, now=now)[0]
    return preview_month(provider=provider, month=month, now=now, checks=[psa])


def _invoices(rehearsal: MonthPreview) -> list[str]:
    if rehearsal.why_nothing:
        return [f"{rehearsal.why_nothing}: nothing to invoice."]
    rows = []
    for draft in rehearsal.plan.drafts:
        total = format_money(draft.total_minor, rehearsal.currency)
        how = (
            f"charged to the card on {rehearsal.charge_day:%-d %B %Y}"
            if draft.collection is Collection.AUTOMATIC
            else f"mailed to {', '.join(rehearsal.recipients)}, due {rehearsal.due_day:%-d %B %Y}"
        )
        rows.append(f"{draft.kind.value:<11}{total:>16}  {len(draft.lines):,} lines, {how}")
    total = format_money(rehearsal.plan.total_minor, rehearsal.currency)
    last = rehearsal.last_total_minor
    before = "" if last is None else f"  (last month {format_money(last, rehearsal.currency)})"
    return [*rows, f"{'total':<11}{total:>16}{before}"]


def _looks(rehearsal: MonthPreview) -> list[str]:
    rows = [f"Card: {risk}" for risk in rehearsal.card.risks if rehearsal.charged]
    rows += [
        f"Late: {line.description}, {format_money(line.amount_minor, rehearsal.currency)}"
        for line in rehearsal.adjustments
    ]
    for result in rehearsal.checks:
        rows.append(f"{result.title}: {result.summary}")
        rows += [f"  {finding.title} {finding.detail}".rstrip() for finding in result.findings]
    return rows


def _changes(rehearsal: MonthPreview, shown: int | None) -> list[str]:
    moved = [change for change in rehearsal.changes if change.kind is not Kind.SAME]
    same = len(rehearsal.changes) - len(moved)
    moved.sort(key=lambda change: abs(change.now - change.before), reverse=True)
    listed = moved[:shown]
    rows = [f"{len(moved):,} organizations changed, {same:,} did not."]
    rows += [_change(change, rehearsal.currency) for change in listed]
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
