"""The earlier addresses of users who were counted: events refer to users, who may be renamed."""

from core.metrics import Metric
from tenants.models import UserAlias
from usage.models import UsageEvent


def was_called(*, event_id: int, address: str) -> bool:
    """Whether this was an earlier address of the user of the event."""
    users = UsageEvent.objects.filter(pk=event_id, metric=Metric.USERS).values("subject_id")
    return UserAlias.objects.filter(
        user__in=users, kind=UserAlias.Kind.ADDRESS, text=address
    ).exists()
