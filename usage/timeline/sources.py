"""Changes, alerts and peaks of an organization as events of its timeline."""

from collections.abc import Iterator
from datetime import datetime

from django.urls import reverse

from core.metrics import Metric
from tenants.models import Alert, AuditEntry
from tenants.models.alerts import Kind
from tenants.views.organization_scope import OrganizationScope
from usage.models import MonthlyUsage
from usage.timeline.events import Event, Source

# Texts of the audit log's actions on an organization; others are not of the timeline. `{subject}`
# is the row's, the other names are values after the change.
TEXTS = {
    "organization.created": "Organization created",
    "organization.renamed": "Renamed to {subject}",
    "organization.user_cap_changed": "User cap set to {user_cap}",
    "organization.mau_limit_changed": "Active-user limit set to {mau_limit}",
    "organization.entered": "Logged in to the organization’s pages",
    "organization.left": "Returned from the organization’s pages",
    "cap_request.made": "Requested a cap of {requested_cap}",
    "cap_request.approved": "Approved a cap of {requested_cap}",
    "cap_request.declined": "Declined a cap of {requested_cap}",
    "cap_request.withdrawn": "Withdrew the request for a higher cap",
    "users.added": "Added {added} users",
    "devices.added": "Added {added} devices",
    "users.imported": "Imported users from {subject}: {added} added, {refused} refused",
    "devices.imported": "Imported devices from {subject}: {added} added, {refused} refused",
    "user.added": "Added {subject}",
    "user.removed": "Removed {subject}",
    "user.suspended": "Suspended {subject}",
    "user.active": "Reactivated {subject}",
    "user.merged": "Merged two users into {subject}",
    "device.added": "Added device {subject}",
    "device.removed": "Removed device {subject}",
    "invitation.sent": "Invited {subject}",
    "invitation.accepted": "{subject} accepted the invitation",
    "invitation.revoked": "Revoked the invitation of {subject}",
}
NONE = {"user_cap": "No User Cap", "mau_limit": "any number"}


class _Values(dict[str, object]):
    """Values of an entry; one that an older entry lacks is shown as a dash."""

    def __missing__(self, name: str) -> str:
        return "–"


def changes(scope: OrganizationScope) -> Source:
    """The audit log's entries of the organization."""

    def read(until: datetime, most: int) -> Iterator[Event]:
        entries = AuditEntry.objects.filter(
            organization_id=scope.organization.pk, at__lte=until, action__in=TEXTS
        )
        for entry in entries.order_by("-at", "-pk")[:most]:
            values = _Values(entry.after, subject=entry.subject)
            for name, text in NONE.items():
                if name in values and values[name] is None:
                    values[name] = text
            text = TEXTS[entry.action].format_map(values)
            yield Event(entry.at, ("change", entry.pk), text, by=entry.actor_name)

    return read


def alerts(scope: OrganizationScope, *, sees_money: bool, may_open: bool) -> Source:
    """Alerts of the organization as they began; on its own pages those of its caps only."""

    def read(until: datetime, most: int) -> Iterator[Event]:
        found = Alert.objects.visible(sees_money=sees_money).filter(
            organization=scope.organization, opened_at__lte=until
        )
        if scope.is_own:
            found = found.filter(kind=Kind.CAPS)
        for alert in found.order_by("-opened_at", "-pk")[:most]:
            url = reverse("alert_detail", args=[alert.pk]) if may_open and not scope.is_own else ""
            yield Event(alert.opened_at, ("alert", alert.pk), f"Alert: {alert.title}", url=url)

    return read


def peaks(scope: OrganizationScope) -> Source:
    """The instants at which months reached their high-water mark of users."""

    def read(until: datetime, most: int) -> Iterator[Event]:
        months = MonthlyUsage.objects.filter(
            organization=scope.organization, metric=Metric.USERS, peak_at__lte=until
        )
        for row in months.order_by("-peak_at", "-pk")[:most]:
            if row.peak_at is not None:
                url = scope.url("usage_explanation", month=f"{row.month:%Y-%m}")
                text = f"Peak of {row.month:%B %Y}: {row.high_water_mark:,} users"
                yield Event(row.peak_at, ("peak", row.pk), text, url=url)

    return read
