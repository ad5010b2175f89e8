"""The alerts of usage: caps that are reached or near."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import F
from django.urls import reverse

from core.metrics import Metric
from tenants.alerts.rules import Condition, rule
from tenants.models import MeteringPolicy, Severity
from tenants.models.alerts import Kind
from usage.cap_badges import Badge, badge, limit_reached, near_limit
from usage.models import OrganizationCounter


@rule("caps")
def caps(*, now: datetime) -> Iterator[Condition]:  # noqa: ARG001 - a rule's signature
    """Every organization that is at its cap or free allowance, or within ten of its cap.

    Reached and near are two causes: reaching a cap is news also for whoever knew that it was near.
    """
    free_user_limit = MeteringPolicy.objects.current().free_user_limit
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
        said = badge(users=users, cap=cap, free_user_limit=free_user_limit)
        if said is Badge.NEAR_LIMIT:
            yield _near(organization_id, name, users=users, cap=cap)
        elif cap is not None and users >= cap:
            yield _at_cap(organization_id, name, users=users, cap=cap)
        else:
            yield _at_allowance(organization_id, name, users=users, allowance=free_user_limit or 0)


def _near(organization_id: int, name: str, *, users: int, cap: int) -> Condition:
    room = cap - users
    return Condition(
        cause=f"cap-near:{organization_id}",
        kind=Kind.CAPS,
        severity=Severity.WARNING,
        title=f"{name} is near its user cap of {cap:,}",
        text=f"{users:,} users: room for {room:,} more.",
        organization_id=organization_id,
        link=reverse("cap_edit", args=[organization_id]),
    )


def _at_cap(organization_id: int, name: str, *, users: int, cap: int) -> Condition:
    is_over = f"{users:,} users, {users - cap:,} above the cap." if users > cap else ""
    return Condition(
        cause=f"cap-reached:{organization_id}",
        kind=Kind.CAPS,
        severity=Severity.CRITICAL,
        title=f"{name} has reached its user cap of {cap:,}",
        text=f"{is_over} Nobody can be added until users leave or the cap is raised.".strip(),
        organization_id=organization_id,
        link=reverse("cap_edit", args=[organization_id]),
    )


def _at_allowance(organization_id: int, name: str, *, users: int, allowance: int) -> Condition:
    return Condition(
        cause=f"allowance-reached:{organization_id}",
        kind=Kind.CAPS,
        severity=Severity.CRITICAL,
        title=f"{name} has used its free allowance of {allowance:,} users",
        text=f"{users:,} users. Adding a card lifts the allowance of all organizations at once.",
        organization_id=organization_id,
        link=reverse("billing_information"),
    )
