"""Checks of a preview that apps above billing pass to it.

A check runs in the provider's schema, in a read-only transaction. It reads the database and calls
no other system.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.rating.rate_month import BilledQuantity


@dataclass(frozen=True, slots=True)
class Finding:
    """Something an administrator should look at before the month ends; `url` may be empty."""

    title: str
    detail: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A check's findings. With `is_connected` false nothing was checked: that is never "fine"."""

    title: str
    is_connected: bool
    summary: str
    findings: tuple[Finding, ...] = ()


Check = Callable[[Sequence[BilledQuantity], datetime], CheckResult]
# The result of a preview without checks.
NOT_CONNECTED = CheckResult(
    "Autotask PSA",
    is_connected=False,
    summary="Not connected: no organization’s mapping was checked.",
)
