"""The clocks of the stand-ins of Stripe and Autotask, which follow the portal's."""

import math
from datetime import timedelta
from functools import cache
from urllib.parse import urlsplit

import httpx
from django.conf import settings

from core.clock import ahead
from mtp.production import is_local

HEADER = "Stand-In-Key"
# What its clock dates is not compared with instants of the portal, and it writes its whole state.
AUTOTASK_MAY_LAG = timedelta(hours=6)


class StandInsNotMoved(Exception):
    """A stand-in did not take the new time; the portal's clock was not moved."""


def are_used() -> bool:
    """Whether Stripe and Autotask are stand-ins of this machine, with a known control key."""
    addresses = (settings.STRIPE_API_BASE, settings.AUTOTASK_BASE_URL)
    return bool(settings.STANDIN_CONTROL_KEY) and all(map(is_local, addresses))


def move(to_be_ahead: timedelta, *, everything: bool) -> None:
    """Set the clocks ahead of the machine's; Autotask's at every step only with `everything`.

    Stripe's goes to the next full second, so that no payment is older there than here. Raises
    `StandInsNotMoved`.
    """
    seconds = math.ceil(to_be_ahead.total_seconds())
    _send("POST", settings.STRIPE_API_BASE, "clock", {"shift_seconds": seconds})
    if everything or to_be_ahead // AUTOTASK_MAY_LAG != ahead() // AUTOTASK_MAY_LAG:
        _send("PATCH", settings.AUTOTASK_BASE_URL, "settings", {"shiftSeconds": seconds})


@cache
def _client() -> httpx.Client:
    return httpx.Client(timeout=30)


def _send(method: str, address: str, name: str, body: dict[str, int]) -> None:
    place = urlsplit(address)
    try:
        answer = _client().request(
            method,
            f"{place.scheme}://{place.netloc}/_control/{name}",
            json=body,
            headers={HEADER: settings.STANDIN_CONTROL_KEY},
        )
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise StandInsNotMoved(f"The stand-in at {place.netloc} did not follow: {error}") from error
