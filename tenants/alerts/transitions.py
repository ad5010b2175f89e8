"""Opening, changing and resolving alerts: the only code that writes their state.

The unique index over open causes keeps two transactions from opening one cause twice.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db import connection, transaction

from core.actors import SYSTEM_ACTOR, Actor, ActorKind
from tenants import audit
from tenants.alerts.mails import mail_at_once
from tenants.alerts.rules import Condition
from tenants.alerts.subscribers import enqueue_changed
from tenants.models import Alert, AlertEvent
from tenants.models.alerts import LONGEST_TITLE, MONEY_KINDS

OPEN = """
    INSERT INTO tenants_alert (cause, rule, kind, severity, title, text, organization_id, link,
                               opened_at, acknowledged_by_name)
    SELECT r.cause, r.rule, r.kind, r.severity, r.title, r.text, r.organization_id, r.link,
           %(now)s, ''
    FROM jsonb_to_recordset(%(rows)s) AS r (
        cause text, rule text, kind text, severity smallint, title text, text text,
        organization_id bigint, link text)
    ON CONFLICT (cause) WHERE resolved_at IS NULL DO NOTHING
    RETURNING id
"""
CONDITION_FIELDS = ("kind", "severity", "title", "text", "organization_id", "link")


def raise_alert(*, condition: Condition, now: datetime, actor: Actor = SYSTEM_ACTOR) -> Alert:
    """Open the cause's alert at `now`, or update the open one, and return it.

    For causes without a rule: the caller that raises the alert also resolves it.
    """
    return ensure_alert(condition=condition, now=now, actor=actor)[0]


def ensure_alert(*, condition: Condition, now: datetime, actor: Actor) -> tuple[Alert, bool]:
    """Like `raise_alert`; also return True when the alert was opened now."""
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
    """Resolve the cause's open alert and return it; None when there is none."""
    with transaction.atomic():
        alerts = list(Alert.objects.open().select_for_update().filter(cause=cause))
        resolve_all(alerts=alerts, now=now, actor=actor)
    return alerts[0] if alerts else None


def open_all(
    *, conditions: Mapping[str, Iterable[Condition]], now: datetime, actor: Actor = SYSTEM_ACTOR
) -> list[Alert]:
    """Open the alerts of each rule's conditions and return those that were not open before."""
    rows = [
        {"cause": condition.cause, "rule": rule, **_fields(condition)}
        for rule, its_conditions in conditions.items()
        for condition in its_conditions
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
    """Update open alerts from their conditions and return those that got worse.

    Only a changed severity is recorded as a step, because the figures in the text change often.
    """
    changed, other_severity, worse = [], [], []
    for alert, condition in changes:
        values = _fields(condition)
        if all(getattr(alert, field) == value for field, value in values.items()):
            continue
        changed.append(alert)
        if alert.severity != condition.severity:
            other_severity.append(alert)
        if alert.severity < condition.severity:
            worse.append(alert)
        for field, value in values.items():
            setattr(alert, field, value)
    if changed:
        Alert.objects.bulk_update(changed, CONDITION_FIELDS)
    append(alerts=other_severity, step=AlertEvent.Step.CHANGED, at=now, actor=actor)
    mail_at_once(alerts=worse, now=now)
    return worse


def resolve_all(
    *, alerts: Sequence[Alert], now: datetime, actor: Actor = SYSTEM_ACTOR
) -> list[Alert]:
    """Resolve these alerts and return them; empty when all were resolved already."""
    ids = [alert.pk for alert in alerts]
    if not ids or not Alert.objects.open().filter(pk__in=ids).update(resolved_at=now):
        return []
    for alert in alerts:
        alert.resolved_at = now
    append(alerts=alerts, step=AlertEvent.Step.RESOLVED, at=now, actor=actor)
    enqueue_changed(resolved=alerts, now=now)
    return list(alerts)


def append(*, alerts: Sequence[Alert], step: AlertEvent.Step, at: datetime, actor: Actor) -> None:
    """Add a step to the history of each alert; what a person or key did is in the audit log too."""
    if actor.kind != ActorKind.SYSTEM:
        audit.record_all(
            entries=[
                audit.entry_of(
                    actor=actor,
                    action=f"{'billing_alert' if alert.kind in MONEY_KINDS else 'alert'}.{step}",
                    subject=alert.title,
                    subject_id=alert.pk,
                    organization=alert.organization_id,
                    now=at,
                )
                for alert in alerts
            ]
        )
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


def _fields(condition: Condition) -> dict[str, object]:
    return {
        "kind": condition.kind.value,
        "severity": condition.severity.value,
        "title": condition.title[:LONGEST_TITLE],
        "text": condition.text,
        "organization_id": condition.organization_id,
        "link": condition.link,
    }
