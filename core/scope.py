"""Which organizations the person of the running request may see, when not all.

Set by the policy of a route, as the provider's schema is by the middleware; outside of requests
nobody is limited. `Organization.objects.visible()` reads it.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_visible: ContextVar[frozenset[int] | None] = ContextVar("visible_organizations", default=None)


def visible_organizations() -> frozenset[int] | None:
    """The ids of the organizations that may be seen; None for all."""
    return _visible.get()


@contextmanager
def limited_to(organization_ids: Collection[int] | None) -> Iterator[None]:
    """Run the block with only these organizations to be seen; None for all."""
    token = _visible.set(None if organization_ids is None else frozenset(organization_ids))
    try:
        yield
    finally:
        _visible.reset(token)
