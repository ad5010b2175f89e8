"""The portal's clock: that of the machine, moved forward in demos only (docs/decisions/0057).

Code reads the time by `django.utils.timezone.now`, which `install` makes this clock. What measures
the machine itself, as signs of life do, reads `machine_now`.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from django.utils import timezone

_ahead = timedelta(0)
_first_look: Callable[[], None] | None = None


def machine_now() -> datetime:
    """The machine's time, wherever the portal's clock is."""
    return datetime.now(UTC)


def now() -> datetime:
    """The portal's time. The first call of a process looks where the clock is."""
    global _first_look
    if _first_look is not None:
        look, _first_look = _first_look, None
        look()
    return machine_now() + _ahead


def ahead() -> timedelta:
    """By how much this process has the portal's clock ahead of the machine's."""
    return _ahead


def set_ahead(ahead: timedelta) -> None:
    """Move this process's clock."""
    global _ahead  # noqa: PLW0603 - the clock is one for the process
    _ahead = ahead


def install() -> None:
    """Make Django's `timezone.now` this clock; before any model is imported.

    Migrations that Django writes name the function by these attributes.
    """
    now.__module__, now.__qualname__ = timezone.now.__module__, timezone.now.__qualname__
    timezone.now = now


def look_first(look: Callable[[], None]) -> None:
    """Have the first call of `now` look where the clock is."""
    global _first_look  # noqa: PLW0603 - the clock is one for the process
    _first_look = look
