"""Who has to have a second factor, and from when on (docs/decisions/0071)."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from accounts.models import Provider, User
from accounts.security.factors import has_factor, is_safe


def needed_from(user: User) -> datetime | None:
    """The instant from which on the login is led to set up a factor; None for never.

    Operations always; people of a provider when its Owner says so, after the days that each has:
    from the Owner's word, or from the day on which the login was made.
    """
    if user.is_staff:
        return user.created_at if settings.OPERATIONS_NEED_FACTOR else None
    provider = user.provider
    if provider is None or provider.factor_required_at is None:
        return None
    begun = max(provider.factor_required_at, user.created_at)
    return begun + timedelta(days=provider.factor_grace_days)


def lacks_factor(user: User, *, now: datetime) -> bool:
    """Whether the login has to set up a factor before anything else."""
    since = needed_from(user)
    return since is not None and since <= now and not is_safe(user)


def people_without_factor(provider: Provider) -> QuerySet[User]:
    """The provider's active logins that have set up no factor, by name."""
    people = User.objects.filter(~has_factor(), provider=provider, is_active=True)
    return people.select_related("provider").order_by("name", "pk")
