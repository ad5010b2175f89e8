"""Keeps threads of the web server free while a provider's transaction holds its locks.

A request that waits for a lock holds a thread until its time limit. So the changes of one provider
take all threads of a process but one; a further change waits a moment for a place and is refused.
After a request waited for a lock in vain, the process serves those of the provider one at a time
for a while and refuses the others at once. Reading and changing are counted apart: a lock that
blocks changes leaves pages readable.
"""

import threading
import time
from collections import Counter

from django.conf import settings
from django.http import HttpRequest

# After a wait in vain; longer than Retry-After, so that those who come again find it congested.
CONGESTED_SECONDS = 15.0
PLACE_SECONDS = 0.5
READING = frozenset({"GET", "HEAD", "OPTIONS"})

_Place = tuple[str, bool]

_places = threading.Condition()
_in_work: Counter[_Place] = Counter()
_congested_until: dict[_Place, float] = {}


class Congested(Exception):
    """Other requests of the provider wait for a lock; this one was not begun."""


def take_place(request: HttpRequest, *, schema: str) -> None:
    """Count the request as one of the provider, until `leave`. Raises `Congested`.

    A request with both a session and an API key counts once, as the one of the key.
    """
    leave(request)
    is_reading = request.method in READING
    place = (schema, is_reading)
    with _places:
        if not is_reading and not _places.wait_for(lambda: _has_room(place), PLACE_SECONDS):
            raise Congested
        if _in_work[place] and time.monotonic() < _congested_until.get(place, 0.0):
            raise Congested
        _in_work[place] += 1
    request.congestion_place = place  # type: ignore[attr-defined] # kept for it


def leave(request: HttpRequest) -> None:
    """End the request that `take_place` counted, if it did."""
    place: _Place | None = getattr(request, "congestion_place", None)
    if place is None:
        return
    request.congestion_place = None  # type: ignore[attr-defined] # kept for it
    with _places:
        _in_work[place] -= 1
        if not _in_work[place]:
            del _in_work[place]
        _places.notify_all()


def note_wait(request: HttpRequest) -> None:
    """Record that the request waited for a lock in vain."""
    place: _Place | None = getattr(request, "congestion_place", None)
    if place is not None:
        with _places:
            _congested_until[place] = time.monotonic() + CONGESTED_SECONDS


def _has_room(place: _Place) -> bool:
    """Whether a change of the provider leaves a thread of the web server to others."""
    is_congested = time.monotonic() < _congested_until.get(place, 0.0)
    return is_congested or _in_work[place] < max(1, settings.WEB_THREADS - 1)
