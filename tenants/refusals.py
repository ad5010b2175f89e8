"""The refusals of the counting triggers as exceptions (`usage/migrations/sql/`)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from django.db import DatabaseError, transaction

from core.unavailable import ClockAhead

USER_CAP_REACHED = "MT001"
CHANGE_REFUSED = "MT002"
ORGANIZATION_REMOVED = "MT003"
MAU_LIMIT_REACHED = "MT004"
MONTH_CLOSED = "MT005"
IN_THE_FUTURE = "MT006"
PROVIDER_LEFT = "MT007"


class Because(StrEnum):
    """The limit that an addition would pass."""

    CAP = "cap"
    FREE_ALLOWANCE = "free_allowance"
    # The `cap` and `count` are those of all organizations together.
    ACCOUNT_LIMIT = "account_limit"


@dataclass
class UserCapReached(Exception):
    """Adding `asked` users to the `count` of the organization would pass `cap`."""

    organization_id: int
    cap: int
    count: int
    asked: int
    because: Because

    def __str__(self) -> str:
        return f"organization {self.organization_id}: {self.count} + {self.asked} > {self.cap}"


@dataclass
class MauLimitReached(Exception):
    """Counting `asked` new active users beside the `count` of the month would pass `threshold`.

    `month` is its first day.
    """

    organization_id: int
    month: date
    threshold: int
    count: int
    asked: int

    def __str__(self) -> str:
        return f"organization {self.organization_id}: {self.count} + {self.asked} active"


class CountedRowChangeRefused(Exception):
    """The change of a counted row would contradict the usage ledger."""


class OrganizationRemoved(Exception):
    """The organization of the addition was removed."""


class ProviderLeft(Exception):
    """The provider has left: nothing can be added."""


@contextmanager
def translated_refusals() -> Iterator[None]:
    """Run the block in a transaction or savepoint and raise a trigger's refusal as an exception."""
    try:
        with transaction.atomic():
            yield
    except DatabaseError as error:
        refusal = _refusal(error)
        if refusal is None:
            raise
        raise refusal from error


def _refusal(error: DatabaseError) -> Exception | None:
    cause = error.__cause__
    code = getattr(cause, "sqlstate", None)
    diagnostic = getattr(cause, "diag", None)
    message = (diagnostic.message_primary if diagnostic else None) or str(error)
    if code == USER_CAP_REACHED and diagnostic is not None:
        detail = json.loads(diagnostic.message_detail)
        return UserCapReached(**{**detail, "because": Because(detail["because"])})
    if code == MAU_LIMIT_REACHED and diagnostic is not None:
        detail = json.loads(diagnostic.message_detail)
        return MauLimitReached(**{**detail, "month": date.fromisoformat(detail["month"])})
    refusal = _WITH_MESSAGE.get(code)
    return refusal(message) if refusal else None


_WITH_MESSAGE: dict[str | None, type[Exception]] = {
    CHANGE_REFUSED: CountedRowChangeRefused,
    MONTH_CLOSED: CountedRowChangeRefused,
    ORGANIZATION_REMOVED: OrganizationRemoved,
    IN_THE_FUTURE: ClockAhead,
    PROVIDER_LEFT: ProviderLeft,
}
