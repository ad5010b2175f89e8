"""The demo's alerts: service notifications, evaluated rules, and mail preferences."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.models import User
from core.actors import SYSTEM_ACTOR, Actor, ActorKind
from mtp.demo.companies import DemoProvider
from tenants.alerts import raise_alert, resolve_alert
from tenants.alerts.acknowledgement import acknowledge
from tenants.alerts.evaluation import evaluate_rules
from tenants.alerts.preferences import save_preference
from tenants.alerts.rules import Condition
from tenants.alerts.service_notifications import service_cause
from tenants.models import Alert, AlertMailPreference, Organization, Severity
from tenants.models.alerts import Kind

SERVICE = Actor(id=None, name="API key of the monitoring", kind=ActorKind.API_KEY)


@dataclass(frozen=True, slots=True)
class Notification:
    """A notification that a service sent about the organization at `index`, `hours_ago`."""

    index: int
    key: str
    severity: Severity
    title: str
    text: str
    hours_ago: int
    lasted_hours: int | None = None


NOTIFICATIONS = (
    Notification(
        5, "backup-fs01", Severity.WARNING, "Backup of FS01 failed",
        "The last good backup is of the night before last. The target disk is full.", 5,
    ),
    Notification(
        11, "agent-version", Severity.INFO, "4 agents are out of date",
        "They update themselves when the devices are next online.", 50,
    ),
    Notification(
        2, "vpn", Severity.CRITICAL, "VPN gateway does not answer",
        "No answer since 02:10. The line's provider has a fault.", 77, 3,
    ),
    Notification(
        8, "backup-nas", Severity.WARNING, "Backup of NAS-2 failed",
        "The share could not be reached.", 196, 22,
    ),
)  # fmt: skip


def raise_alerts(plan: DemoProvider, organizations: list[Organization], *, now: datetime) -> None:
    """Raise the services' alerts, evaluate the rules, and set the administrators' preferences."""
    for notification in NOTIFICATIONS:
        if notification.index < len(organizations):
            _notify(notification, organizations[notification.index], now=now)
    evaluate_rules(now=now)
    people = User.objects.filter(email__in=[login.email for login in plan.logins])
    for person in people.filter(role__in=("owner", "admin")):
        save_preference(
            person=person,
            delivery=AlertMailPreference.Delivery.DIGEST,
            minimum_severity=Severity.WARNING,
            digest_hour=8,
            time_zone=plan.time_zone,
            now=now,
        )
    admin = people.filter(role="admin").first()
    if admin is not None:
        info = Alert.objects.filter(kind=Kind.SERVICE, severity=Severity.INFO)
        actor = Actor.of(admin)
        acknowledge(alerts=info, actor=actor, now=now - timedelta(hours=26))


def _notify(notification: Notification, organization: Organization, *, now: datetime) -> None:
    at = now - timedelta(hours=notification.hours_ago)
    cause = service_cause(organization_id=organization.pk, key=notification.key)
    condition = Condition(
        cause=cause,
        kind=Kind.SERVICE,
        severity=notification.severity,
        title=notification.title,
        text=notification.text,
        organization_id=organization.pk,
    )
    raise_alert(condition=condition, now=at, actor=SERVICE)
    if notification.lasted_hours is not None:
        resolved_at = at + timedelta(hours=notification.lasted_hours)
        resolve_alert(cause=cause, now=resolved_at, actor=SYSTEM_ACTOR)
