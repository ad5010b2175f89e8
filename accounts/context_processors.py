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
from accounts.scope import limited_to
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
            Entry("alert_list", "Alerts", "bell-alert", Permission.VIEW_ALERTS),
        ),
    ),
    Group(
        "Usage",
        (
            Entry("usage", "Usage", "chart-bar", Permission.VIEW_USAGE),
            Entry("active_users", "Monthly active users", "user-circle", Permission.VIEW_USAGE),
            Entry("licences", "Licences", "ticket", Permission.VIEW_BILLING),
            Entry("forecast", "Forecast", "arrow-trending-up", Permission.VIEW_USAGE),
            Entry("what_if", "Cap what-if", "adjustments-horizontal", Permission.CHANGE_CAPS),
            Entry("cap_request_list", "Cap requests", "hand-raised", Permission.CHANGE_CAPS),
        ),
    ),
    Group(
        "Billing",
        (
            Entry("contract", "Contract", "document-check", Permission.VIEW_BILLING),
            Entry("payment_history", "Payment History", "document-text", Permission.VIEW_BILLING),
            Entry(
                "billing_information",
                "Billing Information",
                "credit-card",
                Permission.VIEW_BILLING,
            ),
            Entry(
                "month_rehearsal",
                "Month-end rehearsal",
                "clipboard-document-check",
                Permission.VIEW_BILLING,
            ),
        ),
    ),
    Group(
        "Integrations",
        (
            Entry("autotask", "Autotask", "puzzle-piece", Permission.MANAGE_INTEGRATIONS),
            Entry(
                "autotask_statement",
                "Statement per client",
                "scale",
                Permission.VIEW_BILLING,
            ),
        ),
    ),
    Group(
        "Account",
        (
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
            Entry(
                "own_active_users_of",
                "Active users",
                "user-circle",
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
MENUS = (*PROVIDER_MENU, *OWN_MENU)
OWN_PAGES = "/organization/"
# What waits for this person behind an entry: counted in the provider's schema, within their limit.
# The menu remembers all its figures of a person as one for a moment, or every page would ask anew.
Waiting = Callable[[User], int]
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


def forget_figures(*, user: User) -> None:
    """Count anew for this person, who has just changed what waits."""
    caches["provider"].delete(_key(user))


def _key(user: User) -> str:
    return f"menu:{user.pk}"


@dataclass(frozen=True, slots=True)
class Figures:
    """What the menu had to ask: whether entries are there, and what waits behind them."""

    is_there: dict[str, bool]
    waiting: dict[str, int]


def _figures(user: User) -> Figures:
    """Remembered, or asked for every entry that this person's role includes."""
    remembered = caches["provider"].get(_key(user))
    if remembered is not None:
        return Figures(*remembered)
    names = {entry.name for group in MENUS for entry in group.entries if user.may(entry.permission)}
    now = timezone.now()
    # A refusal's page is rendered outside of the policy that bound the limit.
    with limited_to(user.visible_organizations):
        is_there = {name: ask(now) for name, ask in _conditions.items() if name in names}
        waiting = {name: count(user) for name, count in _waiting.items() if name in names}
    caches["provider"].set(_key(user), (is_there, waiting), settings.MENU_REMEMBERED_SECONDS)
    return Figures(is_there, waiting)


def navigation(request: HttpRequest) -> dict[str, Any]:
    """The menu of the pages that this person's role includes, grouped.

    On the pages of an organization that a provider's administrator entered, it is that
    organization's menu.
    """
    user = getattr(request, "user", None)
    if not isinstance(user, User) or not user.role:
        return {"navigation": []}
    is_entered = current_schema() != get_public_schema_name()
    figures = _figures(user) if is_entered else Figures({}, {})
    if user.may(Permission.ENTER_ORGANIZATION) and request.path.startswith(OWN_PAGES):
        menu = [(group.label, list(group.entries)) for group in OWN_MENU]
    else:
        menu = [
            (
                group.label,
                [
                    entry
                    for entry in group.entries
                    if user.may(entry.permission)
                    and (entry.name not in _conditions or figures.is_there.get(entry.name, False))
                ],
            )
            for group in MENUS
        ]
    return {"navigation": _rendered(menu, figures, path=request.path)}


def _rendered(
    menu: list[tuple[str, list[Entry]]], figures: Figures, *, path: str
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
                    "count": figures.waiting.get(entry.name, 0),
                }
                for entry in entries
            ],
        }
        for label, entries in menu
        if entries
    ]
