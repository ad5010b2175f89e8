"""What a search shows: groups of links, within the rights of the person."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.http import urlencode

from accounts.requests import PortalRequest
from accounts.roles import Permission
from core.search_text import search_text
from core.templating.addresses import url
from mtp.navigation.context import navigation
from mtp.search.actions import actions_of
from mtp.search.found import MOST_FOUND, Row, find


@dataclass(frozen=True, slots=True)
class Result:
    """A link. `note` says which one it is where several have the same text."""

    text: str
    url: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Results of one kind; `all_url` leads to the list of all that match."""

    label: str
    icon: str
    results: tuple[Result, ...]
    all_url: str = ""

    @property
    def is_full(self) -> bool:
        """Whether there may be more."""
        return len(self.results) == MOST_FOUND


def results_of(request: PortalRequest, typed: str) -> list[Group]:
    """The groups that have results, in the order of the page; pages and actions for no text."""
    words = search_text(typed).split()
    found = find(typed, sees_money=request.user.may(Permission.VIEW_BILLING))
    is_own = not request.user.may(Permission.VIEW_ORGANIZATIONS)
    addresses = OwnAddresses() if is_own else Addresses()
    groups = (
        *_rows(found, addresses, typed),
        Group("Pages", icon="table-cells", results=tuple(_matching(_pages(request), words))),
        Group("Actions", icon="plus", results=tuple(_matching(actions_of(request.user), words))),
    )
    return [group for group in groups if group.results]


class Addresses:
    """Where results of a provider's administrators lead."""

    def organization(self, row: Row) -> str:
        """The organization's page."""
        return url("organization_detail", row["id"])

    def member(self, noun: str, row: Row, text: str) -> str:
        """The member in the list of its organization."""
        return f"{url(f'{noun}_list', row['of_id'])}?{urlencode({'q': text})}"

    def all_members(self, noun: str, typed: str) -> str:
        """All members that match."""
        name = "people_list" if noun == "user" else "people_device_list"
        return f"{url(name)}?{urlencode({'q': typed})}"


class OwnAddresses(Addresses):
    """Where results of an organization's admins lead: to its own pages."""

    def organization(self, row: Row) -> str:  # noqa: ARG002 - there is but one
        """The organization's page."""
        return url("own_organization")

    def member(self, noun: str, row: Row, text: str) -> str:  # noqa: ARG002 - there is but one
        """The member in the list of the organization."""
        return self.all_members(noun, text)

    def all_members(self, noun: str, typed: str) -> str:
        """All members that match."""
        return f"{url(f'own_{noun}_list')}?{urlencode({'q': typed})}"


def _rows(found: dict[str, list[Row]], addresses: Addresses, typed: str) -> Iterator[Group]:
    yield Group(
        "Organizations",
        icon="building-office-2",
        results=tuple(
            Result(row["name"], addresses.organization(row))
            for row in found.get("organizations", ())
        ),
    )
    yield Group(
        "Users",
        icon="users",
        results=tuple(
            Result(
                row["email"],
                addresses.member("user", row, row["email"]),
                " · ".join(filter(None, (row["note"], row["of_name"]))),
            )
            for row in found.get("users", ())
        ),
        all_url=addresses.all_members("user", typed),
    )
    yield Group(
        "Devices",
        icon="computer-desktop",
        results=tuple(
            Result(
                row["name"],
                addresses.member("device", row, row["serial_number"]),
                f"{row['serial_number']} · {row['of_name']}",
            )
            for row in found.get("devices", ())
        ),
        all_url=addresses.all_members("device", typed),
    )
    yield Group(
        "Invoices",
        icon="document-text",
        results=tuple(
            Result(row["number"], url("invoice_detail", row["id"]))
            for row in found.get("invoices", ())
        ),
    )


def _pages(request: HttpRequest) -> Iterator[tuple[str, str]]:
    """Label and address of each page in the person's menu."""
    for group in navigation(request)["navigation"]:
        for item in group["items"]:
            tabs = [(f"{item['label']}: {label}", address) for label, address in item["tabs"]]
            yield from tabs if len(tabs) > 1 else [(item["label"], item["url"])]


def _matching(links: Iterable[tuple[str, str]], words: list[str]) -> Iterator[Result]:
    """The links whose label has every word."""
    for label, address in links:
        text = search_text(label)
        if all(word in text for word in words):
            yield Result(label, address)
