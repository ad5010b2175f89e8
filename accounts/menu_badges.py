"""The remembered badges of a person's menu (the menu itself: `mtp.navigation`)."""

from django.core.cache import caches

from accounts.models import User


def menu_badges_key(user: User) -> str:
    """The key of a person's figures in the provider's cache."""
    return f"menu:{user.pk}"


def clear_menu_badges(*, user: User) -> None:
    """Have the badges counted again for this person, who has just changed what waits."""
    caches["provider"].delete(menu_badges_key(user))
