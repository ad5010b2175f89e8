"""What else a rehearsal looks at, answered by rooms above billing, which pass their checks to it.

A check runs in the provider's schema inside a transaction that can't write. It reads what is kept
here and calls nobody.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.rating.rate_month import BilledQuantity


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


Check = Callable[[Sequence[BilledQuantity], datetime], CheckResult]
NOT_CONNECTED = CheckResult(
    "Autotask PSA",
    is_connected=False,
    summary="Not connected: no organization’s mapping was checked.",
)


def run_checks(
    *, checks: Sequence[Check], quantities: Sequence[BilledQuantity], now: datetime
) -> tuple[CheckResult, ...]:
    """Each check's answer; where there is no check, one that says so."""
    return tuple(register_check(quantities, now) for register_check in checks) or (NOT_CONNECTED,)
