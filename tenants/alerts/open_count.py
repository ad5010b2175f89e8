"""The number of open alerts: the one count that the menu, the dashboard and the page show."""

from dataclasses import dataclass

from django.db.models import Count, Q

from tenants.models import Severity
from tenants.models.alerts import AlertQuerySet


@dataclass(frozen=True, slots=True)
class OpenCount:
    """Open alerts, how many of them are critical, and how many no one has acknowledged."""

    total: int
    critical: int
    waiting: int


def open_count(alerts: AlertQuerySet) -> OpenCount:
    """Count the open ones of these alerts, in one statement.

    Pages pass `Alert.objects.visible(…)`, so each administrator gets the number of their scope.
    """
    counts: dict[str, int] = (
        alerts.open()
        .order_by()
        .aggregate(
            total=Count("pk"),
            critical=Count("pk", filter=Q(severity=Severity.CRITICAL)),
            waiting=Count("pk", filter=Q(acknowledged_at=None)),
        )
    )
    return OpenCount(**counts)
