"""What a list page was asked for: search, sort, filter and page, all from the address."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, TypeVar

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest

LONGEST_SEARCH = 200
ROWS_A_PAGE = 50

Row = TypeVar("Row")


@dataclass(frozen=True)
class Listing:
    """A list's state. Whatever the address says, each part is one the page knows."""

    search: str
    sort: str
    filter: str
    page: str

    @classmethod
    def of(
        cls,
        request: HttpRequest,
        *,
        sorts: Collection[str] = (),
        default_sort: str = "",
        filters: Collection[str] = (),
    ) -> "Listing":
        """Read `q`, `sort` (a name or `-name`), `filter` and `page`; the unknown is ignored."""
        asked = request.GET
        sort = asked.get("sort", "")
        chosen = asked.get("filter", "")
        return cls(
            search="".join(filter(str.isprintable, asked.get("q", "")))[:LONGEST_SEARCH].strip(),
            sort=sort if sort.removeprefix("-") in sorts else default_sort,
            filter=chosen if chosen in filters else "",
            page=asked.get("page", ""),
        )

    def page_of(self, rows: QuerySet[Any, Row], *, rows_a_page: int = ROWS_A_PAGE) -> Page[Row]:
        """The asked page of the rows, or the nearest there is."""
        return Paginator(rows, rows_a_page).get_page(self.page)
