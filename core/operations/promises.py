"""What the product promises for each provider, proved by a round; what fails is an alert.

An app registers a promise beside the work that keeps it, as it registers alert rules. A check finds
everything that is broken at the moment. The round raises an alert for each, and settles the alerts
of those that are right again. Since a message of the outbox is done, pending or already in an alert
(`core.operations.outbox_watch`), a check asks only whether the message exists.
"""

import logging
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.db import connection, transaction

from core.operations.alerts import Cause, found_now
from core.operations.kinds import alert_kind
from core.schema import require_provider_schema

logger = logging.getLogger(__name__)

UNPROVED = alert_kind("promises.unproved", title="A promise could not be checked")


class Check(Protocol):
    """Find all broken cases of a promise at `now`, in the current provider's schema."""

    def __call__(self, *, now: datetime) -> Iterable[Cause]: ...


@dataclass(frozen=True, slots=True)
class Broken:
    """A broken case of the promise whose alerts are of this kind."""

    kind: str
    cause: Cause


_checks: dict[str, Check] = {}


def promise(name: str, *, broken: str) -> Callable[[Check], Check]:
    """Register a check; `broken` is the title of its alerts.

    A check runs for each provider in each round, so it queries whole sets.
    """

    def register(check: Check) -> Check:
        _checks[alert_kind(name, title=broken)] = check
        return check

    return register


def check_promises(*, now: datetime) -> list[Broken]:
    """Check every promise in the current provider's schema, and bring its alerts in line.

    A check that raises is an alert too; the alerts of its promise stay as they are.
    """
    require_provider_schema()
    found: dict[str, list[Cause]] = {UNPROVED: []}
    for kind, check in _checks.items():
        try:
            # Inside a transaction, a statement that fails must not fail those of other checks.
            with transaction.atomic() if connection.in_atomic_block else nullcontext():
                found[kind] = list(check(now=now))
        except Exception as error:
            logger.exception("The promise %s could not be checked", kind)
            found[UNPROVED].append(
                Cause(
                    key=kind,
                    summary=f"{kind}: {type(error).__name__}: {error}"[:2000],
                    next_step="Read the log and remove the cause. The next round checks again.",
                )
            )
    found_now(found=found, now=now)
    return [Broken(kind, cause) for kind, causes in found.items() for cause in causes]
