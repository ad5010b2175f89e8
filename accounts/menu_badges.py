"""The cache of the badges in a person's menu (`mtp.navigation` makes the menu)."""

from django.core.cache import caches

from accounts.models import User


def menu_badges_key(user: User) -> str:
    """The key of a person's badges in the provider's cache."""
    return f"menu-figures:{user.pk}"


def clear_menu_badges(*, user: User) -> None:
    """Let the figures of this person be counted again, after a change to what they count."""
    caches["provider"].delete(menu_badges_key(user))
