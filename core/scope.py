"""The organizations that the user of the current request may see.

The policy of a route sets them (accounts/policies.py), `Organization.objects.visible()` reads them.
Outside of requests there is no limit.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db.models import Q

from core.given import IDS, AnyOf, Given

# In place of the ids while a query is built that is given them at each run (`core.remembered`).
VISIBLE = Given("visible", IDS)
_visible: ContextVar[frozenset[int] | Given | None] = ContextVar(
    "visible_organizations", default=None
)


def visible_organizations() -> frozenset[int] | None:
    """The ids of the visible organizations; None for all."""
    ids = _visible.get()
    if isinstance(ids, Given):
        raise RuntimeError("A remembered query has no ids yet: use `within`.")
    return ids


def within(column: str) -> Q:
    """The condition that this column, the id of an organization, is one of the visible ones."""
    ids = _visible.get()
    return Q() if ids is None else Q(AnyOf(column, ids))


@contextmanager
def limited_to(organization_ids: Collection[int] | Given | None) -> Iterator[None]:
    """Run the block with only these organizations visible; None for all."""
    if organization_ids is not None and not isinstance(organization_ids, Given):
        organization_ids = frozenset(organization_ids)
    token = _visible.set(organization_ids)
    try:
        yield
    finally:
        _visible.reset(token)
