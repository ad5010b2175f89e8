"""How many more users an organization may have."""

from dataclasses import dataclass

from tenants.models import ManagedUser, MeteringPolicy, Organization
from tenants.refusals import Because


@dataclass(frozen=True, slots=True)
class RemainingSeats:
    """An organization's `count` of users against its `limit`, None when nothing limits it."""

    count: int
    limit: int | None
    because: Because

    @property
    def left(self) -> int | None:
        """How many may still be added, 0 also when the count is past the limit; None: any."""
        return None if self.limit is None else max(0, self.limit - self.count)


def remaining_user_seats(*, organization: Organization) -> RemainingSeats:
    """As it is now; the triggers (0002_metering.sql) decide again when a user is added."""
    cap = Organization.objects.values_list("user_cap", flat=True).get(pk=organization.pk)
    allowance = MeteringPolicy.objects.current().free_user_limit
    count = ManagedUser.objects.filter(organization=organization, removed_at=None).count()
    if allowance is not None and (cap is None or allowance < cap):
        return RemainingSeats(count, allowance, Because.FREE_ALLOWANCE)
    return RemainingSeats(count, cap, Because.CAP)
