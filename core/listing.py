"""Search, sort, filter and page of a list page, read from its query string."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest

from core.text import printable_line

LONGEST_SEARCH = 200
# Of lists that are searched for several addresses at once: about as many as a page has rows, and
# what a web server takes as an address.
LONGEST_LIST = 1_500
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


@dataclass(frozen=True, slots=True)
class Rows(Generic[Row]):
    """A `Slice` of rows that were read."""

    rows: Sequence[Row]
    matching: int

    @classmethod
    def counted(
        cls,
        rows: Sequence[Row],
        offset: int,
        count: Callable[[], int],
        *,
        rows_per_page: int = ROWS_PER_PAGE,
    ) -> "Rows[Row]":
        """The rows from `offset` on; `count` is called unless they are the last ones."""
        is_last = len(rows) < rows_per_page and (rows or not offset)
        return cls(rows, offset + len(rows) if is_last else count())


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
        longest: int = LONGEST_SEARCH,
    ) -> "Listing":
        """Read `q`, `sort` (a name or `-name`), `filter` and `page`; ignore unknown values."""
        query = request.GET
        sort = query.get("sort", "")
        chosen = query.get("filter", "")
        return cls(
            search=printable_line(query.get("q", ""), longest=longest),
            sort=sort if sort.removeprefix("-") in sorts else default_sort,
            filter=chosen if chosen in filters else "",
            page=query.get("page", ""),
        )

    def page_of(self, rows: QuerySet[Any, Row], *, rows_per_page: int = ROWS_PER_PAGE) -> Page[Row]:
        """The requested page of the rows, or the nearest existing one."""

        def read(offset: int) -> Rows[Row]:
            found = list(rows[offset : offset + rows_per_page])
            return Rows.counted(found, offset, rows.count, rows_per_page=rows_per_page)

        return self.read_page(read, rows_per_page=rows_per_page)[1]

    def read_page(
        self, read: Callable[[int], SliceT], *, rows_per_page: int = ROWS_PER_PAGE
    ) -> tuple[SliceT, Page[Any]]:
        """The slice that `read` returns for the requested page's offset, and that page.

        `read` returns `rows_per_page` rows at most. Beyond the last page, it is called again for
        the last one.
        """
        requested = self.page if len(self.page) <= _MOST_DIGITS else ""
        number = max(int(requested), 1) if requested.isascii() and requested.isdigit() else 1
        while True:
            rows = read((number - 1) * rows_per_page)
            page: Page[Any] = Paginator(range(rows.matching), rows_per_page).get_page(number)
            if page.number == number:
                page.object_list = rows.rows
                return rows, page
            number = page.number
