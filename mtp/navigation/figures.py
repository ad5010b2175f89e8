"""What the menu counts and depends on, in one statement."""

from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.db.models import QuerySet

from accounts.menu_badges import menu_badges_key
from accounts.models import User
from accounts.roles import Permission
from billing.models import Contract
from core.remembered import NUMBER, remembered_together
from core.scope import limited_to
from integrations.models import AutotaskConnection, Drift
from tenants.alerts.open_count import OpenCount, open_counts
from tenants.models import Alert, CapRequest

# The rows of `_figures`.
Figures = dict[str, list[dict[str, Any]]]


@remembered_together
def _figures(*, sees_money: bool) -> dict[str, QuerySet[Any, Any]]:
    """Rows within what the person may see; alerts of money only with `sees_money`.

    The tabs say who sees a count at all.
    """
    return {
        "alerts": open_counts(Alert.objects.visible(sees_money=sees_money)),
        "requests": CapRequest.objects.visible().open().values(number=NUMBER),
        "drifts": Drift.objects.filter(decided_at=None).values(number=NUMBER),
        "connections": AutotaskConnection.objects.values(number=NUMBER),
        "connected": AutotaskConnection.objects.exclude(credentials="").values(number=NUMBER),
        "contracts": Contract.objects.values(number=NUMBER),
    }


def figures_of(user: User) -> Figures:
    """The figures for this person, kept for MENU_CACHE_SECONDS. In the provider's schema."""
    key = menu_badges_key(user)
    kept: Figures | None = caches["provider"].get(key)
    if kept is not None:
        return kept
    # The policy of a route sets this limit too, but a page of refusal is rendered without it.
    with limited_to(user.visible_organizations):
        figures = _figures(sees_money=user.may(Permission.VIEW_BILLING)).rows()
    caches["provider"].set(key, figures, settings.MENU_CACHE_SECONDS)
    return figures


def open_alerts(figures: Figures) -> int:
    """The number that the dashboard and the page show."""
    return OpenCount.of(figures["alerts"]).total


def open_cap_requests(figures: Figures) -> int:
    """Cap requests without a decision."""
    return int(figures["requests"][0]["number"])


def undecided_drifts(figures: Figures) -> int:
    """Services changed in Autotask by a person."""
    return int(figures["drifts"][0]["number"])


def has_connection(figures: Figures) -> bool:
    """Whether Autotask was ever connected."""
    return bool(figures["connections"][0]["number"])


def is_connected(figures: Figures) -> bool:
    """Whether Autotask is connected now."""
    return bool(figures["connected"][0]["number"])


def has_contract(figures: Figures) -> bool:
    """Whether the provider has a contract, of any time."""
    return bool(figures["contracts"][0]["number"])
