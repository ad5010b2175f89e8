"""The registry of alert rules, and the conditions they find."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tenants.models import Severity
from tenants.models.alerts import Kind


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that needs an administrator.

    The same `cause` is the same alert for as long as it lasts. `link` is the page where the
    condition can be ended, or empty.
    """

    cause: str
    kind: Kind
    severity: Severity
    title: str
    text: str = ""
    organization_id: int | None = None
    link: str = ""


class Rule(Protocol):
    """Find all conditions of one sort at `now` in the current provider's schema."""

    def __call__(self, *, now: datetime) -> Iterable[Condition]: ...


_rules: dict[str, Rule] = {}


def rule(name: str) -> Callable[[Rule], Rule]:
    """Register a rule. A condition that it no longer finds is resolved by the next evaluation.

    A rule runs for every provider, every few minutes, so it queries whole sets. A rule that raises
    is logged, and its alerts stay open.
    """

    def register(function: Rule) -> Rule:
        _rules[name] = function
        return function

    return register


def rules() -> dict[str, Rule]:
    """Every rule by its name."""
    return dict(_rules)
