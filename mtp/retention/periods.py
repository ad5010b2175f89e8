"""The table of periods: how long rows are kept that no bill refers to (docs/decisions/0035).

Usage events, the audit log and the sign-in log are append-only and in no rule.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import F, Func, JSONField, QuerySet, Value

from accounts.models import ApiKeyCaller
from accounts.providers import current_provider
from billing.erasure.erase import erasable_users, erase_users
from billing.models import StatementDocument, WebhookEvent
from core.operations.models import OperationsAlert, UnmatchedEvent
from core.outbox.models import BLANK_BODY, OutboxMessage
from tenants.models import Alert, ImportRun, RefusedLine
from usage.models import DailySnapshot

Rows = Callable[[datetime], QuerySet[Any]]


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows that are kept for `days`.

    `rows` are those before a cutoff. They are deleted, or changed to the values of `change`, which
    takes the present instant, or handed to `work` as keys, with the cutoff and the present instant;
    it returns how many it did. Changed rows are in `rows` no longer. `own_days` is the period of
    the current provider, where it can have its own.
    """

    name: str
    days: int
    rows: Rows
    change: Callable[[datetime], Mapping[str, Any]] | None = None
    work: Callable[[Sequence[Any], datetime, datetime], int] | None = None
    own_days: Callable[[], int] | None = None

    def cutoff(self, *, now: datetime) -> datetime:
        """The end of the period of rows that are overdue now."""
        return now - timedelta(days=self.own_days() if self.own_days else self.days)

    def overdue(self, *, now: datetime) -> QuerySet[Any]:
        """The rows whose period is over."""
        return self.rows(self.cutoff(now=now))


def _finished_mails(cutoff: datetime) -> QuerySet[Any]:
    finished = OutboxMessage.objects.filter(finished_at__lt=cutoff)
    return finished.filter(payload__has_any_keys=list(BLANK_BODY)).exclude(
        payload__contains=BLANK_BODY
    )


def _without_body(_: datetime) -> dict[str, Any]:
    blank = Value(BLANK_BODY, output_field=JSONField())
    return {"payload": Func(F("payload"), blank, template="%(expressions)s", arg_joiner=" || ")}


def _finished_imports(cutoff: datetime) -> QuerySet[Any]:
    return ImportRun.objects.filter(finished_at__lt=cutoff)


PLATFORM_RULES = (
    # The delivery blanks them at once: these are of workers of a release that did not.
    Rule("bodies of finished mails", 0, _finished_mails, _without_body),
    # Longer than the promises look back (`MAILS_OF_LAST`) and than a backup is restored.
    Rule(
        "finished outbox messages",
        90,
        lambda cutoff: OutboxMessage.objects.filter(finished_at__lt=cutoff),
    ),
    Rule("expired sessions", 0, lambda cutoff: Session.objects.filter(expire_date__lt=cutoff)),
    # Shown for 30 days.
    Rule(
        "callers of API keys",
        31,
        lambda cutoff: ApiKeyCaller.objects.filter(last_used_at__lt=cutoff),
    ),
    # The list of a person's sessions, where one expired.
    Rule(
        "listed sessions",
        settings.SESSION_COOKIE_AGE // (24 * 60 * 60),
        lambda cutoff: UserSession.objects.filter(created_at__lt=cutoff),
    ),
    Rule(
        "settled operations alerts",
        400,
        lambda cutoff: OperationsAlert.objects.filter(settled_at__lt=cutoff),
    ),
    Rule(
        "settled unmatched events",
        400,
        lambda cutoff: UnmatchedEvent.objects.filter(settled_at__lt=cutoff),
    ),
)
PROVIDER_RULES = (
    # Stripe sends an event again for 30 days at most.
    Rule(
        "applied events of Stripe",
        90,
        lambda cutoff: WebhookEvent.objects.filter(applied_at__lt=cutoff),
    ),
    # Rendered again on request.
    Rule(
        "PDFs of account statements",
        7,
        lambda cutoff: StatementDocument.objects.filter(rendered_at__lt=cutoff),
    ),
    Rule(
        "imports that wait for a confirmation",
        30,
        lambda cutoff: ImportRun.objects.filter(
            state__in=(ImportRun.State.CHECKED, ImportRun.State.NOT_READABLE),
            started_at__lt=cutoff,
        ),
        lambda now: {"state": ImportRun.State.DISCARDED, "finished_at": now},
    ),
    Rule(
        "files of imports",
        90,
        lambda cutoff: _finished_imports(cutoff).exclude(content=b""),
        lambda _: {"content": b"", "report": {}},
    ),
    Rule(
        "refused lines of imports",
        90,
        lambda cutoff: RefusedLine.objects.filter(run__in=_finished_imports(cutoff)),
    ),
    # Invoices, explanations and verifications stay as they were (docs/decisions/0036).
    Rule(
        "names of removed users",
        settings.ERASE_AFTER_DAYS,
        lambda cutoff: erasable_users(removed_before=cutoff),
        work=lambda keys, cutoff, now: erase_users(keys, removed_before=cutoff, now=now),
        own_days=lambda: current_provider().erased_after,
    ),
    Rule("resolved alerts", 400, lambda cutoff: Alert.objects.filter(resolved_at__lt=cutoff)),
    Rule(
        "daily snapshots",
        1_130,
        lambda cutoff: DailySnapshot.objects.filter(day__lt=cutoff.date()),
    ),
)
