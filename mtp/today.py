"""Operations' start page: what needs a person today, across all providers.

Alerts, messages and heartbeats are read as they are now. What is in the providers' schemas is read
from the figures that the hourly round copies; the page says of when they are. One statement each.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Min
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts import figures, rounds
from accounts.models import Provider, ProviderFigures
from billing.money import format_amounts
from core.clock import machine_now
from core.operations.heartbeats import SILENT_AFTER, ages, described
from core.operations.kinds import kinds
from core.operations.models import UnmatchedEvent
from core.operations.open_alerts import open_alerts
from core.operations.outbox_watch import stuck_topics
from core.operations.unmatched_events import UNMATCHED
from core.replica import reads_replica

MOST_ROWS = 8
ALERTS = "admin:operations_operationsalert_changelist"
UNMATCHED_EVENTS = "admin:operations_unmatchedevent_changelist"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a section: `link` is where a person acts, inside `provider` if there is one."""

    name: str
    text: str
    link: str
    is_bad: bool = False
    provider: Provider | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page; `empty` is its text without rows, `rest` the number of rows left out."""

    name: str
    rows: Sequence[Row]
    empty: str
    link: str = ""
    rest: int = 0

    @property
    def count(self) -> int:
        """All rows, those left out included."""
        return len(self.rows) + self.rest

    @property
    def is_bad(self) -> bool:
        """Whether one of its rows needs a person at once."""
        return any(row.is_bad for row in self.rows)


@reads_replica
def today(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001 - unfold's signature
    """Add the sections to the context of the admin's start page."""
    now = timezone.now()
    failed, alerts = _alerts()
    return {
        **context,
        "title": "Today",
        "now": now,
        "coverage": figures.coverage(now=now),
        "sections": [
            _section("Alerts", alerts, "No alert is open.", link=reverse(ALERTS)),
            _section("Failed rounds", failed, "Every scheduled round works."),
            _section("Heartbeat", _heartbeats(), "No worker has given a sign of life yet."),
            _section("Months to close", _months(), "Every month that is over is closed."),
            _section("Overdue", _overdue(), "No invoice is overdue."),
            _section("Disputed", _disputed(), "No line and no payment is disputed."),
            _section(
                "Dead and late messages",
                _messages(now=now),
                "Every due message is delivered.",
            ),
            _section(
                "Unmatched webhook events",
                _unmatched(),
                "Every event of Stripe matches a provider.",
                link=reverse(UNMATCHED_EVENTS),
            ),
            _section("Expiring soon", _expiring(now=now), "No card and no contract ends soon."),
        ],
    }


def _section(name: str, rows: Iterable[Row], empty: str, *, link: str = "") -> Section:
    listed = list(rows)
    rest = max(0, len(listed) - MOST_ROWS)
    return Section(name, listed[:MOST_ROWS], empty, link=link, rest=rest)


def _alerts() -> tuple[list[Row], list[Row]]:
    """The open alerts by kind, the oldest first: of failed rounds, and others without a section."""
    known = kinds()
    failed: list[Row] = []
    others: list[Row] = []
    for each in open_alerts(without=UNMATCHED):
        row = Row(
            name=known[each.kind].title if each.kind in known else each.kind,
            text=f"{each.count:,}, since {_instant(each.since)}",
            link=f"{reverse(ALERTS)}?{each.query}",
            is_bad=each.count > each.acknowledged,
        )
        (failed if each.kind.startswith(rounds.PREFIX) else others).append(row)
    return failed, others


def _heartbeats() -> list[Row]:
    return [
        Row(
            name=described(name),
            text=f"{age.total_seconds():,.0f} s ago" if age < timedelta(hours=1) else "silent",
            link="",
            is_bad=age > SILENT_AFTER,
        )
        for name, age in ages(now=machine_now()).items()
    ]


def _months() -> list[Row]:
    return [
        _of(
            row,
            f"{row.months_to_close:,}, the oldest {row.oldest_month:%B %Y}",
            page="admin:billing_monthclose_changelist",
            is_bad=row.provider.closes_automatically,
        )
        for row in figures.months_to_close()
    ]


def _overdue() -> list[Row]:
    return [
        _of(
            row,
            f"{format_amounts(row.overdue)} since {_day(row.overdue_since)}"
            + (", suspended" if row.is_suspended else ""),
            page="admin:billing_invoice_changelist",
            is_bad=row.is_suspended,
        )
        for row in figures.overdue()
    ]


def _disputed() -> list[Row]:
    return [
        _of(row, format_amounts(row.disputed), page="admin:billing_linedispute_changelist")
        for row in figures.disputed()
    ]


def _messages(*, now: datetime) -> list[Row]:
    return [
        Row(
            name=stuck.topic,
            text=", ".join(
                f"{count:,} {state}"
                for count, state in ((stuck.dead, "dead"), (stuck.late, "late"))
                if count
            )
            + f" since {_instant(stuck.since)}",
            link=stuck.link,
            is_bad=stuck.dead > 0,
        )
        for stuck in stuck_topics(now=now)
    ]


def _unmatched() -> list[Row]:
    """The events that match no provider and are not settled by reason, the oldest first."""
    counted = (
        UnmatchedEvent.objects.filter(settled_at=None)
        .values("reason")
        .annotate(count=Count("pk"), since=Min("received_at"))
        .order_by("since")
    )
    return [
        Row(
            name=each["reason"],
            text=f"{each['count']:,}, since {_instant(each['since'])}",
            link=reverse(UNMATCHED_EVENTS),
            is_bad=True,
        )
        for each in counted
    ]


def _expiring(*, now: datetime) -> list[Row]:
    days = max(settings.CARD_EXPIRY_NOTICE_DAYS, settings.RENEWAL_NOTICE_DAYS)
    until = (now + timedelta(days=days)).date()
    rows = []
    for row in figures.expiring(now=now, days=days):
        ends = []
        if row.contract_ends_on and row.contract_ends_on <= until:
            ends.append(f"contract {_day(row.contract_ends_on)}")
        if row.card_expires_on and row.card_expires_on <= until:
            ends.append(f"card {_day(row.card_expires_on)}")
        is_over = row.card_expires_on is not None and row.card_expires_on < now.date()
        page = (
            "contract"
            if row.contract_ends_on and row.contract_ends_on <= until
            else "paymentmethod"
        )
        rows.append(
            _of(row, ", ".join(ends), page=f"admin:billing_{page}_changelist", is_bad=is_over)
        )
    return rows


def _of(row: ProviderFigures, text: str, *, page: str, is_bad: bool = False) -> Row:
    provider = row.provider
    return Row(provider.name, text, reverse(page), is_bad=is_bad, provider=provider)


def _instant(instant: datetime) -> str:
    return f"{instant:%-d %b, %H:%M}"


def _day(day: date | None) -> str:
    return f"{day:%-d %b %Y}" if day else ""
