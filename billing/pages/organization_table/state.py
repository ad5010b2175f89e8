"""The state of the list of organizations, read from its address, so that a view is a link."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, QueryDict

from accounts.models import User
from accounts.roles import Permission
from billing.pages.organization_table.columns import (
    Column,
    chosen_columns,
    columns_for,
    named,
)
from core.listing import Listing
from core.names import name_key
from tenants.models import LONGEST_TAG

ARCHIVED, NEAR_CAP, WITH_ALERTS = "archived", "near", "alerts"
NAME, TROUBLE = "name", "trouble"
_LONGEST_QUERY = 4_000


@dataclass(frozen=True, slots=True)
class State:
    """Search, filters, sort and columns; `tag` is the key of a tag, "" for any.

    Columns, sort and filters are always ones that the person may see. `is_listed_here` says that
    the address names the columns, which wins over the person's choice and does not change it.
    """

    listing: Listing
    tag: str
    columns: tuple[Column, ...]
    is_listed_here: bool = False

    @classmethod
    def of(cls, request: HttpRequest, *, user: User) -> "State":
        """Read `q`, `filter`, `sort`, `tag`, `columns` and `page`; ignore unknown values."""
        sorts = [NAME, TROUBLE, *(column.key for column in columns_for(user))]
        filters = [ARCHIVED, NEAR_CAP]
        if user.may(Permission.VIEW_ALERTS):
            filters.append(WITH_ALERTS)
        listing = Listing.of(request, sorts=sorts, default_sort=NAME, filters=filters)
        tag = name_key(request.GET.get("tag", "").replace("\0", "")[:LONGEST_TAG])
        keys = request.GET.get("columns")
        if keys is None:
            return cls(listing, tag, chosen_columns(user))
        return cls(listing, tag, named(keys.split(","), user=user), is_listed_here=True)

    @classmethod
    def of_query(cls, query: str, *, user: User) -> "State":
        """The state of an address' query that was sent with a form."""
        request = HttpRequest()
        request.GET = QueryDict(query[:_LONGEST_QUERY])
        return cls.of(request, user=user)

    @property
    def is_archived(self) -> bool:
        """Whether the archived organizations are listed, which are in no other list."""
        return self.listing.filter == ARCHIVED

    @property
    def is_narrowed(self) -> bool:
        """Whether a search or filter leaves organizations out."""
        return bool(self.listing.search or self.listing.filter or self.tag)

    @property
    def keys(self) -> frozenset[str]:
        """The keys of the columns."""
        return frozenset(column.key for column in self.columns)

    @property
    def needed(self) -> frozenset[str]:
        """The columns whose figures are read: those shown, and the one that sorts."""
        return self.keys | {self.listing.sort.removeprefix("-")}

    @property
    def query(self) -> str:
        """The state without its columns and page as a query string; empty for the plain list."""
        return urlencode(self._parts())

    @property
    def query_with_columns(self) -> str:
        """The state with its columns as a query string: a view."""
        columns = ",".join(column.key for column in self.columns)
        return urlencode(self._parts() | {"columns": columns}, safe=",")

    def _parts(self) -> dict[str, Any]:
        sort = self.listing.sort
        parts = {
            "q": self.listing.search,
            "filter": self.listing.filter,
            "tag": self.tag,
            "sort": "" if sort == NAME else sort,
        }
        return {name: value for name, value in parts.items() if value}
