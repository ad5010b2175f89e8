"""The author of a change, as logs and rows store it: an id and a name, never a foreign key."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.http import HttpRequest


class ActorKind(StrEnum):
    """What acted. The name alone does not say it: a person may be called "System"."""

    PERSON = "person"
    API_KEY = "api_key"
    OPERATIONS = "operations"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """A person who signs in, or what acts instead of one; then `id` is None."""

    id: int | None
    name: str
    kind: ActorKind = ActorKind.PERSON

    @classmethod
    def of(cls, person: Any) -> "Actor":
        """A login (`accounts.models.User`): a person of a provider, or of operations."""
        kind = ActorKind.OPERATIONS if person.is_staff else ActorKind.PERSON
        return cls(person.pk, person.name, kind)

    @classmethod
    def stored(cls, actor_id: int | None, name: str) -> "Actor":
        """The author that a row keeps: a person, or the system when there is no id."""
        return cls(actor_id, name, ActorKind.SYSTEM if actor_id is None else ActorKind.PERSON)


SYSTEM_ACTOR = Actor(id=None, name="System", kind=ActorKind.SYSTEM)


def actor_of(request: HttpRequest) -> Actor:
    """The signed-in user of a request; raises `ValueError` for an anonymous request."""
    if not request.user.is_authenticated:
        raise ValueError("The request is anonymous.")
    return Actor.of(request.user)
