"""The number of open alerts: the one count that the menu, the dashboard and the page show."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet

from tenants.models import Alert, Severity
from tenants.models.alerts import AlertQuerySet


@dataclass(frozen=True, slots=True)
class OpenCount:
    """Open alerts, how many of them are critical, and how many no one has acknowledged."""

    total: int
    critical: int
    waiting: int

    @classmethod
    def of(cls, counts: Iterable[Mapping[str, Any]]) -> "OpenCount":
        """Add up the rows of `open_counts`."""
        rows = list(counts)
        return cls(
            total=sum(row["number"] for row in rows),
            critical=sum(row["number"] for row in rows if row["severity"] == Severity.CRITICAL),
            waiting=sum(row["number"] for row in rows if row["is_waiting"]),
        )


def open_counts(alerts: AlertQuerySet) -> QuerySet[Alert, Any]:
    """How many of these alerts are open, by severity and whether no one has acknowledged them.

    Pages pass `Alert.objects.visible(…)`, so each administrator gets the number of their scope.
    """
    return (
        alerts.open()
        .order_by()
        .values("severity", is_waiting=Q(acknowledged_at=None))
        .annotate(number=Count("pk"))
    )
