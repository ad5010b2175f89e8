"""The alerts of active users: organizations at their active-user limit, or near it."""

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


def _month_ends_at(*, now: datetime) -> Iterator[datetime]:
    zone = current_provider().billing_zone()
    yield Month.of(now, zone).ends_at(zone)


@rule("active-users", changes_at=_month_ends_at)
def active_user_limits(*, now: datetime) -> Iterator[Condition]:
    """A condition for every organization at this month's active-user limit, or within ten of it.

    Reached and near are separate causes, and so is each month.
    """
    month = Month.of(now, current_provider().billing_zone())
    near = ActiveMonth.objects.filter(
        month=month.first_day,
        organization__removed_at=None,
        organization__mau_limit__lte=F("count") + NEAR,
    ).order_by("organization_id")
    for organization_id, name, active, limit in near.values_list(
        "organization_id", "organization__name", "count", "organization__mau_limit"
    ):
        if limit is None:
            continue
        is_reached = active >= limit
        text = f"{active:,} active in {month.first_day:%B %Y}; the limit is {limit:,}"
        yield Condition(
            cause=f"active-users-{'reached' if is_reached else 'near'}:{organization_id}:{month}",
            kind=Kind.ALLOWANCE,
            severity=Severity.CRITICAL if is_reached else Severity.WARNING,
            title=f"{name} {'is at' if is_reached else 'is near'} its active-user limit",
            text=f"{text}: the next new one is refused." if is_reached else f"{text}.",
            organization_id=organization_id,
            link=reverse("active_users_of", args=[organization_id]),
        )
