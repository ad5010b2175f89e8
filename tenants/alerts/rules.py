"""What can be wrong, and who looks whether it is: rules register here."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tenants.models import Severity
from tenants.models.alerts import Kind


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is so now and needs a person.

    `cause` names it for as long as it lasts: the same cause is the same alert. `link` is the page
    where it can be settled, empty where there is none.
    """

    cause: str
    kind: Kind
    severity: Severity
    title: str
    text: str = ""
    organization_id: int | None = None
    link: str = ""


class Rule(Protocol):
    """Gives everything of its sort that is so at `now` in the current provider's schema."""

    def __call__(self, *, now: datetime) -> Iterable[Condition]: ...


_watchers: dict[str, Rule] = {}


def rule(name: str) -> Callable[[Rule], Rule]:
    """Register a watcher. What it no longer gives is resolved with the next round.

    A watcher asks its questions as sets: it runs for every provider, every few minutes. One that
    raises is logged, and what it had opened stays open.
    """

    def register(watcher: Rule) -> Rule:
        _watchers[name] = watcher
        return watcher

    return register


def rules() -> dict[str, Rule]:
    """Every watcher by its name."""
    return dict(_watchers)
