"""What every page's shell needs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django_tenants.utils import get_public_schema_name

from accounts.models import User
from accounts.roles import Permission
from mtp.schema import current_schema


@dataclass(frozen=True, slots=True)
class Entry:
    """A page that the menu leads to."""

    name: str
    label: str
    icon: str
    permission: Permission


@dataclass(frozen=True, slots=True)
class Group:
    """Entries below one heading; the first group has none."""

    label: str
    entries: tuple[Entry, ...]


PROVIDER_MENU = (
    Group(
        "",
        (
            Entry("dashboard", "Dashboard", "home", Permission.VIEW_ORGANIZATIONS),
            Entry(
                "organization_list",
                "Organizations",
                "building-office-2",
                Permission.VIEW_ORGANIZATIONS,
            ),
        ),
    ),
    Group(
        "Account",
        (
            Entry("usage", "Usage", "chart-bar", Permission.VIEW_USAGE),
            Entry("cap_request_list", "Cap requests", "arrow-trending-up", Permission.CHANGE_CAPS),
            Entry("licences", "Licences", "ticket", Permission.VIEW_BILLING),
            Entry("payment_history", "Payment History", "document-text", Permission.VIEW_BILLING),
            Entry(
                "billing_information",
                "Billing Information",
                "credit-card",
                Permission.VIEW_BILLING,
            ),
            Entry(
                "account_overview", "Account Overview", "identification", Permission.VIEW_ACCOUNT
            ),
            Entry(
                "administrator_list",
                "Administrators",
                "user-group",
                Permission.MANAGE_ADMINISTRATORS,
            ),
        ),
    ),
)
OWN_MENU = (
    Group(
        "",
        (
            Entry("own_organization", "Overview", "home", Permission.USE_OWN_ORGANIZATION),
            Entry("own_user_list", "Users", "users", Permission.USE_OWN_ORGANIZATION),
            Entry(
                "own_device_list",
                "Devices",
                "computer-desktop",
                Permission.USE_OWN_ORGANIZATION,
            ),
            Entry("own_location_list", "Locations", "map-pin", Permission.USE_OWN_ORGANIZATION),
            Entry(
                "own_cap_request",
                "User cap",
                "arrow-trending-up",
                Permission.USE_OWN_ORGANIZATION,
            ),
        ),
    ),
)
OWN_PAGES = "/organization/"
# What waits behind an entry: counted in the provider's schema. The menu remembers for a moment what
# it asked the database, or every page would ask anew.
Waiting = Callable[[], int]
_waiting: dict[str, Waiting] = {}


def waits_behind(name: str) -> Callable[[Waiting], Waiting]:
    """Register who counts what waits for a person on the page of this name."""

    def register(count: Waiting) -> Waiting:
        _waiting[name] = count
        return count

    return register


# Entries that not every provider has, and who knows whether this one does.
Condition = Callable[[datetime], bool]
_conditions: dict[str, Condition] = {}


def shown_when(name: str) -> Callable[[Condition], Condition]:
    """Register who says whether the current provider has the page of this name."""

    def register(condition: Condition) -> Condition:
        _conditions[name] = condition
        return condition

    return register


def forget_waiting(*, name: str, user: User) -> None:
    """Count anew for this person, who has just changed what waits there."""
    caches["provider"].delete(_key("waiting", name, user))


def _key(kind: str, name: str, user: User) -> str:
    return f"menu:{kind}:{name}:{user.pk}"


def _remembered(kind: str, name: str, user: User, find: Callable[[], int]) -> int:
    found = caches["provider"].get_or_set(
        _key(kind, name, user), find, settings.MENU_REMEMBERED_SECONDS
    )
    return int(found or 0)


def navigation(request: HttpRequest) -> dict[str, Any]:
    """The menu of the pages that this person's role includes, grouped.

    On the pages of an organization that a provider's administrator entered, it is that
    organization's menu.
    """
    user = getattr(request, "user", None)
    if not isinstance(user, User) or not user.role:
        return {"navigation": []}
    is_entered = current_schema() != get_public_schema_name()
    if user.may(Permission.ENTER_ORGANIZATION) and request.path.startswith(OWN_PAGES):
        menu = [(group.label, list(group.entries)) for group in OWN_MENU]
    else:
        menu = [
            (
                group.label,
                [
                    entry
                    for entry in group.entries
                    if user.may(entry.permission) and _is_there(entry, user, is_entered=is_entered)
                ],
            )
            for group in (*PROVIDER_MENU, *OWN_MENU)
        ]
    return {"navigation": _rendered(menu, user, path=request.path, is_entered=is_entered)}


def _is_there(entry: Entry, user: User, *, is_entered: bool) -> bool:
    condition = _conditions.get(entry.name)
    if condition is None:
        return True
    return is_entered and bool(
        _remembered("shown", entry.name, user, lambda: int(condition(timezone.now())))
    )


def _count(entry: Entry, user: User, *, is_entered: bool) -> int:
    waiting = _waiting.get(entry.name)
    if waiting is None or not is_entered:
        return 0
    return _remembered("waiting", entry.name, user, waiting)


def _rendered(
    menu: list[tuple[str, list[Entry]]], user: User, *, path: str, is_entered: bool
) -> list[dict[str, Any]]:
    """Groups of items with address and icon; the item whose address fits `path` best is active."""
    addresses = {entry.name: reverse(entry.name) for _, entries in menu for entry in entries}
    fitting = [address for address in addresses.values() if path.startswith(address)]
    active = max(fitting, key=len, default="")
    return [
        {
            "label": label,
            "items": [
                {
                    "label": entry.label,
                    "url": addresses[entry.name],
                    "icon": entry.icon,
                    "active": addresses[entry.name] == active,
                    "count": _count(entry, user, is_entered=is_entered),
                }
                for entry in entries
            ],
        }
        for label, entries in menu
        if entries
    ]
