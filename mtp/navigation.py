"""The menu of every page: its entries, the roles that see them, and the counts beside them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.db.models import DateField, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django_tenants.utils import get_public_schema_name

from accounts.menu_badges import menu_badges_key
from accounts.models import User
from accounts.roles import Permission
from billing.choices import ContractKind
from billing.contracts.licenses import this_month
from billing.models import Contract
from core.given import Given
from core.remembered import NUMBER, remembered_together
from core.schema import current_schema
from core.scope import limited_to
from core.templating.addresses import url
from integrations.models import Drift
from tenants.alerts.open_count import OpenCount, open_counts
from tenants.models import Alert, CapRequest

# The rows of `_figures`.
Figures = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Entry:
    """A page in the menu, visible to users whose role has `permission`.

    `name` is the URL's name. `badge` counts the open tasks on the page within the user's
    organizations. With `condition`, the entry is visible only for providers that meet it.
    """

    name: str
    label: str
    icon: str
    permission: Permission
    badge: Callable[[Figures], int] | None = None
    condition: Callable[[Figures], bool] | None = None


# Entries below their heading; the first group of a menu has none.
Menu = tuple[tuple[str, tuple[Entry, ...]], ...]


@remembered_together
def _figures(*, sees_money: bool) -> dict[str, QuerySet[Any, Any]]:
    """What the menu counts, within what the person may see; in one statement.

    Alerts of money only with `sees_money`. The entries say who sees a count at all.
    """
    current = Contract.objects.on(Given("day", DateField()))
    return {
        "alerts": open_counts(Alert.objects.visible(sees_money=sees_money)),
        "requests": CapRequest.objects.visible().open().values(number=NUMBER),
        "drifts": Drift.objects.filter(decided_at=None).values(number=NUMBER),
        "contracts": Contract.objects.values(number=NUMBER),
        "current_contract": current.values("kind"),
    }


def _open_alerts(figures: Figures) -> int:
    """The number that the dashboard and the page show."""
    return OpenCount.of(figures["alerts"]).total


def _open_cap_requests(figures: Figures) -> int:
    return int(figures["requests"][0]["number"])


def _undecided_drifts(figures: Figures) -> int:
    return int(figures["drifts"][0]["number"])


def _has_contract(figures: Figures) -> bool:
    return bool(figures["contracts"][0]["number"])


def _has_commitment(figures: Figures) -> bool:
    return any(row["kind"] == ContractKind.COMMITTED for row in figures["current_contract"])


HOME = (
    Entry("dashboard", "Dashboard", "home", Permission.VIEW_ORGANIZATIONS),
    Entry("organization_list", "Organizations", "building-office-2", Permission.VIEW_ORGANIZATIONS),
    Entry("alert_list", "Alerts", "bell-alert", Permission.VIEW_ALERTS, badge=_open_alerts),
)
USAGE = (
    Entry("usage", "Usage", "chart-bar", Permission.VIEW_USAGE),
    Entry("active_users", "Monthly active users", "user-circle", Permission.VIEW_USAGE),
    Entry("licenses", "Licenses", "ticket", Permission.VIEW_BILLING, condition=_has_commitment),
    Entry("forecast", "Forecast", "arrow-trending-up", Permission.VIEW_USAGE),
    Entry(
        "cap_simulation",
        "Try caps on past months",
        "adjustments-horizontal",
        Permission.CHANGE_CAPS,
    ),
    Entry(
        "cap_request_list",
        "Cap requests",
        "hand-raised",
        Permission.CHANGE_CAPS,
        badge=_open_cap_requests,
    ),
)
BILLING = (
    Entry(
        "contract", "Contract", "document-check", Permission.VIEW_BILLING, condition=_has_contract
    ),
    Entry("payment_history", "Payment History", "document-text", Permission.VIEW_BILLING),
    Entry("billing_information", "Billing Information", "credit-card", Permission.VIEW_BILLING),
    Entry(
        "invoice_preview",
        "Next invoice (preview)",
        "clipboard-document-check",
        Permission.VIEW_BILLING,
    ),
)
INTEGRATIONS = (
    Entry(
        "autotask",
        "Autotask",
        "puzzle-piece",
        Permission.MANAGE_INTEGRATIONS,
        badge=_undecided_drifts,
    ),
    Entry("autotask_statement", "Statement per client", "scale", Permission.VIEW_BILLING),
)
ACCOUNT = (
    Entry("account_overview", "Account Overview", "identification", Permission.VIEW_ACCOUNT),
    Entry("administrator_list", "Administrators", "user-group", Permission.MANAGE_ADMINISTRATORS),
)
OWN = Permission.USE_OWN_ORGANIZATION
OWN_ORGANIZATION = (
    Entry("own_organization", "Overview", "home", OWN),
    Entry("own_user_list", "Users", "users", OWN),
    Entry("own_device_list", "Devices", "computer-desktop", OWN),
    Entry("own_active_users_of", "Active users", "user-circle", OWN),
    Entry("own_location_list", "Locations", "map-pin", OWN),
    Entry("own_cap_request", "User cap", "arrow-trending-up", OWN),
)
OWN_MENU: Menu = (("", OWN_ORGANIZATION),)
# A role's permissions are those of one of the two menus.
MENUS: Menu = (
    ("", HOME),
    ("Usage", USAGE),
    ("Billing", BILLING),
    ("Integrations", INTEGRATIONS),
    ("Account", ACCOUNT),
    *OWN_MENU,
)
OWN_PAGES = "/organization/"


def _conditions_and_badges(user: User) -> tuple[dict[str, bool], dict[str, int]]:
    """Results of both kinds of entry functions by entry name, cached for MENU_CACHE_SECONDS."""
    key = menu_badges_key(user)
    cached: tuple[dict[str, bool], dict[str, int]] | None = caches["provider"].get(key)
    if cached is not None:
        return cached
    entries = [entry for _, group in MENUS for entry in group if user.may(entry.permission)]
    day = this_month(now=timezone.now()).first_day
    # The policy of a route sets this limit too, but a page of refusal is rendered without it.
    with limited_to(user.visible_organizations):
        figures = _figures(sees_money=user.may(Permission.VIEW_BILLING)).rows(day=day)
    conditions = {entry.name: entry.condition(figures) for entry in entries if entry.condition}
    badges = {entry.name: entry.badge(figures) for entry in entries if entry.badge}
    caches["provider"].set(key, (conditions, badges), settings.MENU_CACHE_SECONDS)
    return conditions, badges


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `navigation`, the groups of entries that the user's role includes.

    A provider's administrator who impersonates an organization gets that organization's menu. The
    active item is the one with the longest URL that begins the request's path.
    """
    user = getattr(request, "user", None)
    if not isinstance(user, User) or not user.role:
        return {"navigation": []}
    conditions: dict[str, bool] = {}
    badges: dict[str, int] = {}
    if current_schema() != get_public_schema_name():
        conditions, badges = _conditions_and_badges(user)
    is_impersonating = user.may(Permission.IMPERSONATE) and request.path.startswith(OWN_PAGES)
    menu = [
        (
            label,
            [
                entry
                for entry in entries
                if is_impersonating
                or (
                    user.may(entry.permission)
                    and (not entry.condition or conditions.get(entry.name, False))
                )
            ],
        )
        for label, entries in (OWN_MENU if is_impersonating else MENUS)
    ]
    urls = {entry.name: url(entry.name) for _, entries in menu for entry in entries}
    active = max(
        (url for url in urls.values() if request.path.startswith(url)), key=len, default=""
    )
    return {
        "navigation": [
            {
                "label": label,
                "items": [
                    {
                        "label": entry.label,
                        "url": urls[entry.name],
                        "icon": entry.icon,
                        "active": urls[entry.name] == active,
                        "count": badges.get(entry.name, 0),
                    }
                    for entry in entries
                ],
            }
            for label, entries in menu
            if entries
        ]
    }
