"""The organizations that the user of the current request may see.

The policy of a route sets them (accounts/policies.py), `Organization.objects.visible()` reads them.
Outside of requests there is no limit.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_visible: ContextVar[frozenset[int] | None] = ContextVar("visible_organizations", default=None)


def visible_organizations() -> frozenset[int] | None:
    """The ids of the visible organizations; None for all."""
    return _visible.get()


@contextmanager
def limited_to(organization_ids: Collection[int] | None) -> Iterator[None]:
    """Run the block with only these organizations visible; None for all."""
    token = _visible.set(None if organization_ids is None else frozenset(organization_ids))
    try:
        yield
    finally:
        _visible.reset(token)
