"""Badges of an organization's distance from its cap, and the same rules as database conditions.

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
    """LIMIT REACHED as a condition on organizations annotated with `users`."""
    reached = Q(user_cap__lte=F("users"))
    return reached if free_user_limit is None else reached | Q(users__gte=free_user_limit)


def near_limit(*, free_user_limit: int | None) -> Q:
    """NEAR LIMIT as a condition on organizations annotated with `users`."""
    near = Q(user_cap__lte=F("users") + NEAR)
    return near & ~limit_reached(free_user_limit=free_user_limit)
