"""What active users have to say to a person: organizations at their threshold, or near it."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import F
from django.urls import reverse

from accounts.providers import current_provider
from core.months import Month
from tenants.alerts.rules import Condition, rule
from tenants.models import Severity
from tenants.models.alerts import Kind
from usage.cap_badges import NEAR
from usage.models import ActiveMonth


@rule("active-users")
def thresholds(*, now: datetime) -> Iterator[Condition]:
    """Every organization at its threshold of this month's active users, or within ten of it.

    Reached and near are two causes, and each month is one of its own.
    """
    zone = current_provider().billing_zone()
    month = Month.of(now, zone)
    near = ActiveMonth.objects.filter(
        month=month.first_day,
        organization__removed_at=None,
        organization__mau_limit__lte=F("count") + NEAR,
    ).order_by("organization_id")
    for organization_id, name, active, threshold in near.values_list(
        "organization_id", "organization__name", "count", "organization__mau_limit"
    ):
        if threshold is None:
            continue
        is_reached = active >= threshold
        yield Condition(
            cause=f"active-users-{'reached' if is_reached else 'near'}:{organization_id}:{month}",
            kind=Kind.ALLOWANCE,
            severity=Severity.CRITICAL if is_reached else Severity.WARNING,
            title=f"{name} {'is at' if is_reached else 'nears'} its threshold of active users",
            text=_text(active, threshold, month),
            organization_id=organization_id,
            link=reverse("active_users_of", args=[organization_id]),
        )


def _text(active: int, threshold: int, month: Month) -> str:
    said = f"{active:,} active in {month.first_day:%B %Y}, {threshold:,} may be"
    return f"{said}: the next new one is refused." if active >= threshold else f"{said}."
