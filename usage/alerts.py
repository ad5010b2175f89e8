"""The alerts of usage: organizations at their cap or free allowance, or near it."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db.models import F
from django.urls import reverse

from core.metrics import Metric
from tenants.alerts.rules import Condition, rule
from tenants.models import MeteringPolicy, Severity
from tenants.models.alerts import Kind
from usage.cap_badges import Badge, badge, limit_reached, near_limit
from usage.models import OrganizationCounter


def _limits_change_at(*, now: datetime) -> Iterable[datetime | None]:  # noqa: ARG001 - all of them
    return MeteringPolicy.objects.limit_changes()


@rule("caps", changes_at=_limits_change_at)
def caps(*, now: datetime) -> Iterator[Condition]:
    """A condition for every organization at its cap or free allowance, or within ten of its cap.

    Reached and near are separate causes: administrators who know that a cap is near still get the
    alert that it is reached.
    """
    free_user_limit = MeteringPolicy.objects.free_user_limit_at(now)
    counters = (
        OrganizationCounter.objects.filter(metric=Metric.USERS, organization__removed_at=None)
        .annotate(users=F("count"), user_cap=F("organization__user_cap"))
        .filter(
            limit_reached(free_user_limit=free_user_limit)
            | near_limit(free_user_limit=free_user_limit)
        )
        .order_by("organization_id")
    )
    for organization_id, name, users, cap in counters.values_list(
        "organization_id", "organization__name", "users", "user_cap"
    ):
        is_near = badge(users=users, cap=cap, free_user_limit=free_user_limit) is Badge.NEAR_LIMIT
        link = reverse("cap_edit", args=[organization_id])
        if is_near:
            cause, title = "cap-near", f"is near its user cap of {cap:,}"
            text = f"{users:,} users: {cap - users:,} more can be added."
        elif cap is not None and users >= cap:
            cause, title = "cap-reached", f"has reached its user cap of {cap:,}"
            over = f"{users:,} users, {users - cap:,} above the cap. " if users > cap else ""
            text = f"{over}No user can be added until users are removed or the cap is raised."
        else:
            cause = "allowance-reached"
            title = f"has used its free allowance of {free_user_limit:,} users"
            text = (
                f"{users:,} users. Adding a card lifts the allowance of all organizations at once."
            )
            link = reverse("billing_information")
        yield Condition(
            cause=f"{cause}:{organization_id}",
            kind=Kind.CAPS,
            severity=Severity.WARNING if is_near else Severity.CRITICAL,
            title=f"{name} {title}",
            text=text,
            organization_id=organization_id,
            link=link,
        )
