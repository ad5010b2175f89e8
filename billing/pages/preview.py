"""Which changes the invoice preview lists: searched, filtered and sorted by its address."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from billing.preview.changes import Change, Kind
from core.listing import Listing
from core.names import reads_like

UNUSUAL = "unusual"
FILTERS = (*Kind, UNUSUAL)
_KEYS: dict[str, Callable[[Change], Any]] = {
    "name": lambda change: (change.name.casefold(), change.organization_id),
    "before": lambda change: change.before,
    "now": lambda change: change.now,
    "change": lambda change: abs(change.difference),
}
SORTS = tuple(_KEYS)


def listed_changes(changes: Iterable[Change], *, listing: Listing) -> list[Change]:
    """The changes that match the search and the filter, in the requested order."""
    matching = [
        change
        for change in changes
        if reads_like(listing.search, change.name) and _matches(change, listing.filter)
    ]
    matching.sort(key=_KEYS[listing.sort.removeprefix("-")], reverse=listing.sort.startswith("-"))
    return matching


def _matches(change: Change, chosen: str) -> bool:
    return not chosen or (change.is_unusual if chosen == UNUSUAL else change.kind == chosen)


def tabs(changes: Sequence[Change]) -> list[tuple[str, str, int]]:
    """The filters: value, label, and how many changes match each."""
    return [
        (chosen, chosen.capitalize() or "All", sum(_matches(each, chosen) for each in changes))
        for chosen in ("", *FILTERS)
    ]
