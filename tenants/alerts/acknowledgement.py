"""Acknowledging alerts. An acknowledged alert stays open until its cause is gone."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from core.actors import Actor
from tenants.alerts.transitions import append
from tenants.models import Alert, AlertEvent
from tenants.models.alerts import AlertQuerySet


@transaction.atomic
def acknowledge(*, alerts: AlertQuerySet, actor: Actor, now: datetime) -> list[Alert]:
    """Acknowledge the open alerts among these and return them.

    A resolved one, or one that is acknowledged already, is left unchanged.
    """
    waiting = list(alerts.waiting().select_for_update(of=("self",)).order_by("pk"))
    _set(waiting, at=now, actor=actor)
    append(alerts=waiting, step=AlertEvent.Step.ACKNOWLEDGED, at=now, actor=actor)
    return waiting


@transaction.atomic
def withdraw(
    *, alerts: AlertQuerySet, actor: Actor, now: datetime, at: datetime | None = None
) -> list[Alert]:
    """Withdraw the acknowledgement of the open alerts among these and return them.

    An undo passes those that were acknowledged `at` an instant: one that was acknowledged again
    since has a later instant, and is left unchanged.
    """
    acknowledged = alerts.open().exclude(acknowledged_at=None)
    if at is not None:
        acknowledged = acknowledged.filter(acknowledged_at=at, acknowledged_by_id=actor.id)
    locked = list(acknowledged.select_for_update(of=("self",)).order_by("pk"))
    _set(locked, at=None, actor=None)
    append(alerts=locked, step=AlertEvent.Step.WITHDRAWN, at=now, actor=actor)
    return locked


def _set(alerts: Collection[Alert], *, at: datetime | None, actor: Actor | None) -> None:
    for alert in alerts:
        alert.acknowledged_at = at
        alert.acknowledged_by_id = actor.id if actor else None
        alert.acknowledged_by_name = actor.name if actor else ""
    Alert.objects.bulk_update(
        alerts, ["acknowledged_at", "acknowledged_by_id", "acknowledged_by_name"]
    )
