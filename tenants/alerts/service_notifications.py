"""Notifications that a provider's own services send about an organization, as alerts."""

from dataclasses import dataclass
from datetime import datetime

from core.actors import Actor
from tenants.alerts.rules import Condition
from tenants.alerts.transitions import ensure_alert, resolve_alert
from tenants.models import Alert, Organization, Severity
from tenants.models.alerts import Kind

LONGEST_KEY = 150


@dataclass(frozen=True, slots=True)
class Notification:
    """A message of a service; with the same `key` it updates the same alert."""

    key: str
    severity: Severity
    title: str
    text: str = ""
    link: str = ""


def service_cause(*, organization_id: int, key: str) -> str:
    """The alert's cause: the key is unique within the organization."""
    return f"service:{organization_id}:{key}"


def notify(
    *, organization: Organization, notification: Notification, actor: Actor, now: datetime
) -> tuple[Alert, bool]:
    """Open or update the alert of this key; return it, and True when it was opened now."""
    condition = Condition(
        cause=service_cause(organization_id=organization.pk, key=notification.key),
        kind=Kind.SERVICE,
        severity=notification.severity,
        title=notification.title,
        text=notification.text,
        organization_id=organization.pk,
        link=notification.link,
    )
    return ensure_alert(condition=condition, now=now, actor=actor)


def resolve_notification(
    *, organization: Organization, key: str, actor: Actor, now: datetime
) -> Alert | None:
    """Resolve the key's alert and return it, also when it was resolved before.

    None when there never was one.
    """
    cause = service_cause(organization_id=organization.pk, key=key)
    resolved = resolve_alert(cause=cause, now=now, actor=actor)
    return resolved or Alert.objects.filter(cause=cause).order_by("-pk").first()
