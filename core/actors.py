"""Who did something, as kept in logs and on rows: an id and a name, never a foreign key."""

from dataclasses import dataclass

from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody, or the system when `id` is None."""

    id: int | None
    name: str


SYSTEM_ACTOR = Actor(id=None, name="System")


def actor_of(request: HttpRequest) -> Actor:
    """The signed-in person behind a request; raises ValueError when nobody is signed in."""
    if not request.user.is_authenticated:
        raise ValueError("Nobody is signed in.")
    return Actor(id=request.user.pk, name=request.user.name)
