"""The registry of alert rules, and the conditions they find."""

import itertools
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


class ChangesAt(Protocol):
    """Instants at which the passing of time alone may change what a rule finds.

    All that come after `now`, or at least the first of them; None and past ones are ignored.
    Naming more costs an evaluation, leaving one out delays alerts.
    """

    def __call__(self, *, now: datetime) -> Iterable[datetime | None]: ...


_rules: dict[str, Rule] = {}
_changes_at: dict[str, ChangesAt] = {}


def rule(name: str, *, changes_at: ChangesAt) -> Callable[[Rule], Rule]:
    """Register a rule. A condition that it no longer finds is resolved by the next evaluation.

    A rule runs after changes and at the instants of `changes_at`, and queries whole sets. The
    tables that it reads mark their provider (docs/decisions/0044). A rule that raises is logged,
    and its alerts stay open.
    """

    def register(function: Rule) -> Rule:
        _rules[name] = function
        _changes_at[name] = changes_at
        return function

    return register


def rules() -> dict[str, Rule]:
    """Every rule by its name."""
    return dict(_rules)


def never(*, now: datetime) -> Iterable[datetime]:  # noqa: ARG001 - a `ChangesAt`
    """Of a rule that does not depend on time."""
    return ()


def next_change(*, now: datetime) -> datetime | None:
    """The first instant after `now` at which time alone may change what a rule finds."""
    instants = itertools.chain.from_iterable(_changes_at[name](now=now) for name in _rules)
    return min((at for at in instants if at is not None and at > now), default=None)
