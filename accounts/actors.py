"""Who did something, as it is kept: id and name, so that the record outlives the login."""

from dataclasses import dataclass

from accounts.requests import PortalRequest

LONGEST_NAME = 200


@dataclass(frozen=True)
class Actor:
    """A person, or the portal itself when `id` is None."""

    id: int | None
    name: str


PORTAL = Actor(id=None, name="Portal")


def actor_of(request: PortalRequest) -> Actor:
    """The signed-in person of this request, under their own identity wherever they are."""
    user = request.user
    return Actor(id=user.pk, name=str(user)[:LONGEST_NAME])
