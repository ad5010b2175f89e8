"""The menu and the tabs that a person gets on a page, for the templates."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django_tenants.utils import get_public_schema_name

from accounts.models import User
from accounts.roles import Permission
from billing.dunning.suspension import STILL_ALLOWED, dunning_status_of_request
from core.schema import current_schema
from core.templating.addresses import url
from mtp.navigation.definition import (
    MENU,
    ORGANIZATION_TABS,
    OWN_MENU,
    Entry,
    Group,
    Tab,
)
from mtp.navigation.figures import Figures, figures_of
from mtp.navigation.keys import with_keys

OWN_PAGES = "/organization/"


@dataclass(frozen=True, slots=True)
class Person:
    """Whose menu it is, and what the menu counts for them."""

    user: User
    figures: Figures | None
    is_impersonating: bool
    is_suspended: bool

    def may_see(self, tab: Tab) -> bool:
        """Whether the role includes the tab and the provider meets its condition.

        A suspended provider has the tabs that it may still use.
        """
        if self.is_suspended and tab.name not in STILL_ALLOWED:
            return False
        if self.is_impersonating and tab.permission == Permission.USE_OWN_ORGANIZATION:
            return True
        if not self.user.may(tab.permission):
            return False
        return tab.condition is None or (self.figures is not None and tab.condition(self.figures))

    def count(self, tab: Tab) -> int:
        """The open tasks behind the tab."""
        return tab.badge(self.figures) if tab.badge and self.figures is not None else 0


@dataclass(frozen=True, slots=True)
class Place:
    """The page that is shown: the name of its URL, its path, and its organization if it has one."""

    name: str
    path: str
    organization_id: int | None

    @classmethod
    def of(cls, request: HttpRequest) -> "Place":
        """The page of the request; a page of refusal is the one that was refused."""
        match = request.resolver_match
        if match is None:
            return cls("", request.path, None)
        return cls(match.url_name or "", request.path, match.kwargs.get("organization_id"))

    def state(self, address: str) -> str:
        """`aria-current` of the link to the active tab: `page` if it leads to this very page."""
        return "page" if address == self.path else "true"

    def active(self, tabs: Iterable[Tab], *parameters: int) -> Tab | None:
        """The tab that the page belongs to."""
        tabs = list(tabs)
        named = next((tab for tab in tabs if tab.covers(self.name)), None) or self._by_view(tabs)
        if named:
            return named
        addresses = {tab.name: url(tab.name, *parameters) for tab in tabs}
        begins = [tab for tab in tabs if self.path.startswith(addresses[tab.name])]
        return max(begins, key=lambda tab: len(addresses[tab.name]), default=None)

    def _by_view(self, tabs: list[Tab]) -> Tab | None:
        return next((tab for tab in tabs if self.name in dict(tab.views)), None)


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `navigation`, groups of entries; `tab_strip`, the page's tabs or None.

    A provider's administrator who impersonates an organization gets that organization's menu.
    """
    user = getattr(request, "user", None)
    if not isinstance(user, User) or not user.role:
        return {"navigation": [], "tab_strip": None, "may_switch": False}
    figures = figures_of(user) if current_schema() != get_public_schema_name() else None
    is_impersonating = user.may(Permission.IMPERSONATE) and request.path.startswith(OWN_PAGES)
    is_suspended = dunning_status_of_request(request, now=timezone.now()).is_suspended
    person = Person(user, figures, is_impersonating, is_suspended)
    place = Place.of(request)
    menu = OWN_MENU if is_impersonating or not user.may(Permission.VIEW_ACCOUNT) else MENU
    organization = _organization_tab(place)
    active = _active_tab(menu, place, in_organization=organization is not None)
    groups = [_group(group, person, place, active) for group in menu]
    if organization is not None and place.organization_id is not None:
        strip = _strip(
            "Organization", ORGANIZATION_TABS, person, place, organization, place.organization_id
        )
    else:
        entry = _entry_of(menu, active)
        strip = _strip(entry.label, entry.tabs, person, place, active) if entry else None
    return {
        "navigation": with_keys([group for group in groups if group["items"]]),
        "tab_strip": strip,
        "may_switch": user.may(Permission.VIEW_ORGANIZATIONS),
    }


def _organization_tab(place: Place) -> Tab | None:
    """The organization's tab that the page belongs to, if it is a page of one organization."""
    if place.organization_id is None:
        return None
    return place.active(ORGANIZATION_TABS, place.organization_id)


def _active_tab(menu: tuple[Group, ...], place: Place, *, in_organization: bool) -> Tab | None:
    entries = [entry for group in menu for entry in group.entries]
    tabs = [tab for entry in entries for tab in entry.tabs]
    if in_organization:
        return next((tab for tab in tabs if tab.name == "organization_list"), None)
    headings = [group.heading for group in menu if group.heading]
    return place.active([*headings, *tabs])


def _entry_of(menu: tuple[Group, ...], tab: Tab | None) -> Entry | None:
    entries = (entry for group in menu for entry in group.entries)
    return next((entry for entry in entries if tab in entry.tabs), None)


def _group(group: Group, person: Person, place: Place, active: Tab | None) -> dict[str, Any]:
    heading = group.heading
    if heading and person.may_see(heading):
        address = url(heading.name)
        title = {
            "label": heading.label,
            "url": address,
            "current": place.state(address) if heading is active else "",
        }
    else:
        title = None
    items = [_item(entry, person, place, active) for entry in group.entries]
    return {"heading": title, "items": [item for item in items if item]}


def _item(entry: Entry, person: Person, place: Place, active: Tab | None) -> dict[str, Any] | None:
    tabs = [tab for tab in entry.tabs if person.may_see(tab)]
    if not tabs:
        return None
    address = url(tabs[0].name)
    return {
        "label": entry.label,
        "url": address,
        "icon": entry.icon,
        "current": place.state(address) if active in entry.tabs else "",
        "count": sum(person.count(tab) for tab in tabs),
        "tabs": [(tab.label, url(tab.name)) for tab in tabs],
    }


def _strip(
    label: str,
    tabs: tuple[Tab, ...],
    person: Person,
    place: Place,
    active: Tab | None,
    *parameters: int,
) -> dict[str, Any] | None:
    """The tabs that the person may see; None where there is but one."""
    seen = [tab for tab in tabs if person.may_see(tab)]
    if len(seen) < 2:  # noqa: PLR2004 - one tab leads nowhere else
        return None
    return {
        "label": label,
        "items": [
            {
                "label": tab.label,
                "url": url(tab.name, *parameters),
                "current": place.state(url(tab.name, *parameters)) if tab is active else "",
                "count": person.count(tab),
            }
            for tab in seen
        ],
        "views": [
            {"label": text, "url": url(name, *parameters), "is_current": name == place.name}
            for name, text in (active.views if active in seen and active else ())
        ],
    }
