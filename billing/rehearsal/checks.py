"""What else a rehearsal looks at, answered by rooms above billing: register with `check`.

A check runs in the provider's schema inside a transaction that can't write. It reads what is kept
here and calls nobody.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class BilledOrganization:
    """An organization that the close bills, or counts under a commitment."""

    organization_id: int
    name: str
    quantity: int
    metric: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a person should look at before the month ends; `url` is where, or empty."""

    title: str
    detail: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found. Where nothing could be checked, `is_connected` is false: never clean."""

    title: str
    is_connected: bool
    summary: str
    findings: tuple[Finding, ...] = ()


Check = Callable[[Sequence[BilledOrganization], datetime], CheckResult]
_checks: dict[str, Check] = {}


def check(name: str) -> Callable[[Check], Check]:
    """Register a check of this name, called as `fn(organizations, now)`; the last one holds."""

    def register(function: Check) -> Check:
        _checks[name] = function
        return function

    return register


def run_checks(
    *, organizations: Sequence[BilledOrganization], now: datetime
) -> tuple[CheckResult, ...]:
    """Every registered check's answer, by name; one for the PSA in any case."""
    answers = {name: function(organizations, now) for name, function in _checks.items()}
    answers.setdefault(
        "psa",
        CheckResult(
            "Autotask PSA",
            is_connected=False,
            summary="Not connected: no organization’s mapping was checked.",
        ),
    )
    return tuple(answers[name] for name in sorted(answers))
