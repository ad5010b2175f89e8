"""The number of users that can still be added to an organization."""

from dataclasses import dataclass
from datetime import datetime

from tenants.models import ManagedUser, MeteringPolicy, Organization
from tenants.refusals import Because


@dataclass(frozen=True, slots=True)
class RemainingSeats:
    """An organization's present `count` of users and its `limit`, None without one."""

    count: int
    limit: int | None
    because: Because

    @property
    def left(self) -> int | None:
        """The users that can still be added; 0 above the limit, None without one."""
        return None if self.limit is None else max(0, self.limit - self.count)


def remaining_user_seats(*, organization: Organization, now: datetime) -> RemainingSeats:
    """The present seats; the triggers (0002_metering.sql) decide again at each addition."""
    cap = Organization.objects.values_list("user_cap", flat=True).get(pk=organization.pk)
    allowance = MeteringPolicy.objects.free_user_limit_at(now)
    count = ManagedUser.objects.living().filter(organization=organization).count()
    if allowance is not None and (cap is None or allowance < cap):
        own = RemainingSeats(count, allowance, Because.FREE_ALLOWANCE)
    else:
        own = RemainingSeats(count, cap, Because.CAP)
    most = MeteringPolicy.objects.current().account_limit
    if most is None:
        return own
    everywhere = ManagedUser.objects.living().filter(organization__removed_at=None).count()
    together = RemainingSeats(everywhere, most, Because.ACCOUNT_LIMIT)
    return own if own.left is not None and own.left <= (together.left or 0) else together
