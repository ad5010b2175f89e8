"""What is said beside a cap, and the same rule for the database.

Source: docs/facts/product.md, User caps.
"""

from enum import StrEnum

from django.db.models import F, Q

NEAR = 10


class Badge(StrEnum):
    """An organization's distance from its cap."""

    LIMIT_REACHED = "LIMIT REACHED"
    NEAR_LIMIT = "NEAR LIMIT"
    NONE = ""


def badge(*, users: int, cap: int | None, free_user_limit: int | None) -> Badge:
    """LIMIT REACHED at or over the cap or the free allowance; NEAR LIMIT within 10 of the cap."""
    if any(limit is not None and users >= limit for limit in (cap, free_user_limit)):
        return Badge.LIMIT_REACHED
    if cap is not None and cap - users <= NEAR:
        return Badge.NEAR_LIMIT
    return Badge.NONE


def limit_reached(*, free_user_limit: int | None) -> Q:
    """The same LIMIT REACHED over rows annotated with `users`."""
    reached = Q(user_cap__lte=F("users"))
    return reached if free_user_limit is None else reached | Q(users__gte=free_user_limit)


def near_limit(*, free_user_limit: int | None) -> Q:
    """The same NEAR LIMIT over rows annotated with `users`."""
    near = Q(user_cap__lte=F("users") + NEAR)
    return near & ~limit_reached(free_user_limit=free_user_limit)
