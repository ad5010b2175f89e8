"""The author of a change, as logs and rows store it: an id and a name, never a foreign key."""

from dataclasses import dataclass

from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class Actor:
    """A person who signs in, or the system when `id` is None."""

    id: int | None
    name: str


SYSTEM_ACTOR = Actor(id=None, name="System")


def actor_of(request: HttpRequest) -> Actor:
    """The signed-in user of a request; raises `ValueError` for an anonymous request."""
    if not request.user.is_authenticated:
        raise ValueError("The request is anonymous.")
    return Actor(id=request.user.pk, name=request.user.name)
