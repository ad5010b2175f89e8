"""Opening, changing and resolving alerts: the only writers of their state.

Two at once can't open one cause twice: the unique index over open causes decides, and whoever
comes second finds the first one's alert.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db import connection, transaction

from core.actors import SYSTEM_ACTOR, Actor
from tenants.alerts.mails import mail_at_once
from tenants.alerts.rules import Condition
from tenants.alerts.subscribers import enqueue_changed
from tenants.models import Alert, AlertEvent
from tenants.models.alerts import LONGEST_TITLE

OPEN = """
    INSERT INTO tenants_alert (cause, watch, kind, severity, title, text, organization_id, link,
                               opened_at, acknowledged_by_name)
    SELECT r.cause, r.watch, r.kind, r.severity, r.title, r.text, r.organization_id, r.link,
           %(now)s, ''
    FROM jsonb_to_recordset(%(rows)s) AS r (
        cause text, watch text, kind text, severity smallint, title text, text text,
        organization_id bigint, link text)
    ON CONFLICT (cause) WHERE resolved_at IS NULL DO NOTHING
    RETURNING id
"""
SAID = ("kind", "severity", "title", "text", "organization_id", "link")


def raise_alert(*, condition: Condition, now: datetime, actor: Actor = SYSTEM_ACTOR) -> Alert:
    """The cause's open alert, opened at `now` if there was none, saying what `condition` says.

    For causes that no watcher looks after: whoever raises it resolves it.
    """
    return ensure_alert(condition=condition, now=now, actor=actor)[0]


def ensure_alert(*, condition: Condition, now: datetime, actor: Actor) -> tuple[Alert, bool]:
    """As `raise_alert`, with whether it was opened now."""
    while True:
        with transaction.atomic():
            opened = open_all(conditions={"": [condition]}, now=now, actor=actor)
            if opened:
                return opened[0], True
            alert = Alert.objects.open().select_for_update().filter(cause=condition.cause).first()
            if alert is not None:
                change_all(changes=[(alert, condition)], now=now, actor=actor)
                return alert, False


def resolve_alert(*, cause: str, now: datetime, actor: Actor = SYSTEM_ACTOR) -> Alert | None:
    """Resolve the cause's open alert and give it; None when there is none."""
    with transaction.atomic():
        alerts = list(Alert.objects.open().select_for_update().filter(cause=cause))
        resolve_all(alerts=alerts, now=now, actor=actor)
    return alerts[0] if alerts else None


def open_all(
    *, conditions: Mapping[str, Iterable[Condition]], now: datetime, actor: Actor = SYSTEM_ACTOR
) -> list[Alert]:
    """Open what each watch found, in a few statements; gives those that were not open before."""
    rows = [
        {"cause": condition.cause, "watch": watch, **_said(condition)}
        for watch, found in conditions.items()
        for condition in found
    ]
    if not rows:
        return []
    with connection.cursor() as cursor:
        cursor.execute(OPEN, {"rows": json.dumps(rows), "now": now})
        ids = [row[0] for row in cursor.fetchall()]
    opened = list(Alert.objects.filter(pk__in=ids).order_by("pk")) if ids else []
    append(alerts=opened, step=AlertEvent.Step.OPENED, at=now, actor=actor)
    mail_at_once(alerts=opened, now=now)
    enqueue_changed(opened=opened, now=now)
    return opened


def change_all(
    *, changes: Sequence[tuple[Alert, Condition]], now: datetime, actor: Actor = SYSTEM_ACTOR
) -> list[Alert]:
    """Let open alerts say what their conditions say now; gives those that got worse.

    Only another severity is a step of the history: figures in the words move all the time.
    """
    changed, other_severity, worse = [], [], []
    for alert, condition in changes:
        said = _said(condition)
        if all(getattr(alert, field) == value for field, value in said.items()):
            continue
        changed.append(alert)
        if alert.severity != condition.severity:
            other_severity.append(alert)
        if alert.severity < condition.severity:
            worse.append(alert)
        for field, value in said.items():
            setattr(alert, field, value)
    if changed:
        Alert.objects.bulk_update(changed, SAID)
    append(alerts=other_severity, step=AlertEvent.Step.CHANGED, at=now, actor=actor)
    mail_at_once(alerts=worse, now=now)
    return worse


def resolve_all(
    *, alerts: Sequence[Alert], now: datetime, actor: Actor = SYSTEM_ACTOR
) -> list[Alert]:
    """Resolve these alerts; one that was resolved already stays as it is."""
    ids = [alert.pk for alert in alerts]
    if not ids or not Alert.objects.open().filter(pk__in=ids).update(resolved_at=now):
        return []
    for alert in alerts:
        alert.resolved_at = now
    append(alerts=alerts, step=AlertEvent.Step.RESOLVED, at=now, actor=actor)
    enqueue_changed(resolved=alerts, now=now)
    return list(alerts)


def append(*, alerts: Iterable[Alert], step: AlertEvent.Step, at: datetime, actor: Actor) -> None:
    """Add a step to the history of each."""
    AlertEvent.objects.bulk_create(
        AlertEvent(
            alert=alert,
            at=at,
            step=step,
            severity=alert.severity,
            title=alert.title,
            actor_id=actor.id,
            actor_name=actor.name,
        )
        for alert in alerts
    )


def _said(condition: Condition) -> dict[str, object]:
    return {
        "kind": condition.kind.value,
        "severity": condition.severity.value,
        "title": condition.title[:LONGEST_TITLE],
        "text": condition.text,
        "organization_id": condition.organization_id,
        "link": condition.link,
    }
