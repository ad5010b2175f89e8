"""Acknowledging: somebody has seen an alert and looks after it. It stays open until it is gone."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from core.actors import Actor
from tenants.alerts.transitions import append
from tenants.models import Alert, AlertEvent
from tenants.models.alerts import AlertQuerySet


@transaction.atomic
def acknowledge(*, alerts: AlertQuerySet, actor: Actor, now: datetime) -> list[Alert]:
    """Acknowledge those of these alerts that are open and wait; gives them.

    One that is resolved, or that somebody else was faster with, stays as it is.
    """
    found = list(alerts.waiting().select_for_update(of=("self",)).order_by("pk"))
    _set(found, at=now, actor=actor)
    append(alerts=found, step=AlertEvent.Step.ACKNOWLEDGED, at=now, actor=actor)
    return found


@transaction.atomic
def withdraw(*, alerts: AlertQuerySet, actor: Actor, now: datetime) -> list[Alert]:
    """Let those of these alerts wait again that are open and acknowledged; gives them."""
    found = list(
        alerts.open().exclude(acknowledged_at=None).select_for_update(of=("self",)).order_by("pk")
    )
    _set(found, at=None, actor=None)
    append(alerts=found, step=AlertEvent.Step.WITHDRAWN, at=now, actor=actor)
    return found


def _set(alerts: Collection[Alert], *, at: datetime | None, actor: Actor | None) -> None:
    for alert in alerts:
        alert.acknowledged_at = at
        alert.acknowledged_by_id = actor.id if actor else None
        alert.acknowledged_by_name = actor.name if actor else ""
    Alert.objects.bulk_update(
        alerts, ["acknowledged_at", "acknowledged_by_id", "acknowledged_by_name"]
    )
