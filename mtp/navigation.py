"""The menu of every page: the pages, who has them, and the badges on them."""

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

from accounts.menu_badges import menu_badges_key
from accounts.models import User
from accounts.roles import Permission
from billing.contracts.licenses import has_commitment
from billing.models import Contract
from core.schema import current_schema
from core.scope import limited_to
from integrations.models import Drift
from tenants.models import Alert, CapRequest


@dataclass(frozen=True, slots=True)
class Entry:
    """A page that the menu leads to.

    `badge` counts what waits for a person on the page, in the provider's schema and within the
    person's organizations. With `condition`, only providers for which it holds have the entry.
    """

    name: str
    label: str
    icon: str
    permission: Permission
    badge: Callable[[User], int] | None = None
    condition: Callable[[datetime], bool] | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Entries below one heading; the first group has none."""

    label: str
    entries: tuple[Entry, ...]


def _waiting_alerts(user: User) -> int:
    """Open, unacknowledged alerts of those that this person may see."""
    return Alert.objects.waiting().visible(sees_money=user.may(Permission.VIEW_BILLING)).count()


def _open_cap_requests(_user: User) -> int:
    return CapRequest.objects.visible().open().count()


def _undecided_drifts(_user: User) -> int:
    """Services that were changed in Autotask."""
    return Drift.objects.filter(decided_at=None).count()


def _has_contract(_now: datetime) -> bool:
    return Contract.objects.exists()


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
            Entry(
                "alert_list", "Alerts", "bell-alert", Permission.VIEW_ALERTS, badge=_waiting_alerts
            ),
        ),
    ),
    Group(
        "Usage",
        (
            Entry("usage", "Usage", "chart-bar", Permission.VIEW_USAGE),
            Entry("active_users", "Monthly active users", "user-circle", Permission.VIEW_USAGE),
            Entry(
                "licenses", "Licenses", "ticket", Permission.VIEW_BILLING, condition=has_commitment
            ),
            Entry("forecast", "Forecast", "arrow-trending-up", Permission.VIEW_USAGE),
            Entry(
                "cap_simulation", "Cap what-if", "adjustments-horizontal", Permission.CHANGE_CAPS
            ),
            Entry(
                "cap_request_list",
                "Cap requests",
                "hand-raised",
                Permission.CHANGE_CAPS,
                badge=_open_cap_requests,
            ),
        ),
    ),
    Group(
        "Billing",
        (
            Entry(
                "contract",
                "Contract",
                "document-check",
                Permission.VIEW_BILLING,
                condition=_has_contract,
            ),
            Entry("payment_history", "Payment History", "document-text", Permission.VIEW_BILLING),
            Entry(
                "billing_information",
                "Billing Information",
                "credit-card",
                Permission.VIEW_BILLING,
            ),
            Entry(
                "invoice_preview",
                "Month-end rehearsal",
                "clipboard-document-check",
                Permission.VIEW_BILLING,
            ),
        ),
    ),
    Group(
        "Integrations",
        (
            Entry(
                "autotask",
                "Autotask",
                "puzzle-piece",
                Permission.MANAGE_INTEGRATIONS,
                badge=_undecided_drifts,
            ),
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


@dataclass(frozen=True, slots=True)
class Figures:
    """Which conditions hold and what the badges count, by the entries' names."""

    conditions: dict[str, bool]
    badges: dict[str, int]


def _figures(user: User) -> Figures:
    """The figures of the entries that this person's role includes, read at most once a moment."""
    key = menu_badges_key(user)
    remembered = caches["provider"].get(key)
    if remembered is not None:
        return Figures(*remembered)
    entries = [entry for group in MENUS for entry in group.entries if user.may(entry.permission)]
    now = timezone.now()
    # A refusal's page is rendered outside of the policy that bound the limit.
    with limited_to(user.visible_organizations):
        conditions = {entry.name: entry.condition(now) for entry in entries if entry.condition}
        badges = {entry.name: entry.badge(user) for entry in entries if entry.badge}
    caches["provider"].set(key, (conditions, badges), settings.MENU_CACHE_SECONDS)
    return Figures(conditions, badges)


def navigation(request: HttpRequest) -> dict[str, Any]:
    """The menu of the pages that this person's role includes, grouped.

    On the pages of an organization that a provider's administrator entered, it is that
    organization's menu.
    """
    user = getattr(request, "user", None)
    if not isinstance(user, User) or not user.role:
        return {"navigation": []}
    is_impersonated = current_schema() != get_public_schema_name()
    figures = _figures(user) if is_impersonated else Figures({}, {})
    if user.may(Permission.IMPERSONATE) and request.path.startswith(OWN_PAGES):
        menu = [(group.label, list(group.entries)) for group in OWN_MENU]
    else:
        menu = [
            (
                group.label,
                [
                    entry
                    for entry in group.entries
                    if user.may(entry.permission)
                    and (not entry.condition or figures.conditions.get(entry.name, False))
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
                    "count": figures.badges.get(entry.name, 0),
                }
                for entry in entries
            ],
        }
        for label, entries in menu
        if entries
    ]
