"""Notifications of a provider's own services about an organization, as alerts."""

from dataclasses import dataclass
from datetime import datetime

from core.actors import Actor
from tenants.alerts.rules import Condition
from tenants.alerts.transitions import ensure_alert, resolve_alert
from tenants.models import Alert, Organization, Severity
from tenants.models.alerts import Kind

# What a service calls its matter; with the organization it is the alert's cause.
LONGEST_KEY = 150


@dataclass(frozen=True, slots=True)
class Notification:
    """What a service has to say; `key` names the matter for as long as it lasts."""

    key: str
    severity: Severity
    title: str
    text: str = ""
    link: str = ""


def service_cause(*, organization_id: int, key: str) -> str:
    """The cause of a service's matter: two organizations may have one of the same key."""
    return f"service:{organization_id}:{key}"


def notify(
    *, organization: Organization, notification: Notification, actor: Actor, now: datetime
) -> tuple[Alert, bool]:
    """The open alert of this matter, saying what the service says now; True when it is new.

    Sent again it changes nothing, and sent with other words it changes those.
    """
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
    """Resolve the matter's alert and give it, also one that was resolved before; None when there
    never was one.
    """
    cause = service_cause(organization_id=organization.pk, key=key)
    resolved = resolve_alert(cause=cause, now=now, actor=actor)
    return resolved or Alert.objects.filter(cause=cause).order_by("-pk").first()
