"""What a list page was asked for: search, sort, filter and page, all from the address."""

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


class Cut(Protocol):
    """A part of a list, and how many rows the whole of it has."""

    @property
    def matching(self) -> int: ...

    @property
    def rows(self) -> Sequence[Any]: ...


Read = TypeVar("Read", bound=Cut)


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

    def page_of(self, rows: QuerySet[Any, Row], *, rows_per_page: int = ROWS_PER_PAGE) -> Page[Row]:
        """The asked page of the rows, or the nearest there is."""
        return Paginator(rows, rows_per_page).get_page(self.page)

    def page_read(self, read: Callable[[int], Read]) -> tuple[Read, Page[Any]]:
        """What `read` gives from an offset on, as the asked page, or as the last: a second look.

        For lists that the database cuts and counts in one statement, `ROWS_PER_PAGE` at a time.
        """
        asked = self.page if len(self.page) <= _MOST_DIGITS else ""
        number = max(int(asked), 1) if asked.isascii() and asked.isdigit() else 1
        while True:
            found = read((number - 1) * ROWS_PER_PAGE)
            page: Page[Any] = Paginator(range(found.matching), ROWS_PER_PAGE).get_page(number)
            if page.number == number:
                page.object_list = found.rows
                return found, page
            number = page.number
