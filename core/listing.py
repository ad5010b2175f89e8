"""Search, sort, filter and page of a list page, read from its query string."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest

LONGEST_SEARCH = 200
ROWS_PER_PAGE = 50

_MOST_DIGITS = 6

Row = TypeVar("Row")


class Slice(Protocol):
    """Consecutive rows of a list, and the number of rows in the whole list."""

    @property
    def matching(self) -> int: ...

    @property
    def rows(self) -> Sequence[Any]: ...


SliceT = TypeVar("SliceT", bound=Slice)


@dataclass(frozen=True)
class Listing:
    """A list page's parameters. `sort` and `filter` are always ones that the page offers."""

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
        """Read `q`, `sort` (a name or `-name`), `filter` and `page`; ignore unknown values."""
        query = request.GET
        sort = query.get("sort", "")
        chosen = query.get("filter", "")
        return cls(
            search="".join(filter(str.isprintable, query.get("q", "")))[:LONGEST_SEARCH].strip(),
            sort=sort if sort.removeprefix("-") in sorts else default_sort,
            filter=chosen if chosen in filters else "",
            page=query.get("page", ""),
        )

    def page_of(self, rows: QuerySet[Any, Row], *, rows_per_page: int = ROWS_PER_PAGE) -> Page[Row]:
        """The requested page of the rows, or the nearest existing one."""
        return Paginator(rows, rows_per_page).get_page(self.page)

    def read_page(self, read: Callable[[int], SliceT]) -> tuple[SliceT, Page[Any]]:
        """The slice that `read` returns for the requested page's offset, and that page.

        For lists that one statement both slices and counts, `ROWS_PER_PAGE` rows at a time. Beyond
        the last page, `read` is called again for the last one.
        """
        requested = self.page if len(self.page) <= _MOST_DIGITS else ""
        number = max(int(requested), 1) if requested.isascii() and requested.isdigit() else 1
        while True:
            rows = read((number - 1) * ROWS_PER_PAGE)
            page: Page[Any] = Paginator(range(rows.matching), ROWS_PER_PAGE).get_page(number)
            if page.number == number:
                page.object_list = rows.rows
                return rows, page
            number = page.number
