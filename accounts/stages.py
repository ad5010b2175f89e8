"""The stages of a provider's account, and what each of them allows, in one table.

A stage follows from two instants of the provider's row and the clock, so no task must run for it to
begin (docs/decisions/0031).
"""

from datetime import datetime
from enum import StrEnum


class Stage(StrEnum):
    """OPEN; LEAVING with a leave date ahead; READ_ONLY from that date on; CLOSED at the end."""

    OPEN = "open"
    LEAVING = "leaving"
    READ_ONLY = "read_only"
    CLOSED = "closed"


class Use(StrEnum):
    """What an account may be used for, and which scheduled work it gets."""

    SIGN_IN = "sign_in"
    CHANGE = "change"
    PAY = "pay"
    # Snapshots, forecasts, the PSA sync, alerts and reminders.
    DAILY_WORK = "daily_work"
    DUNNING = "dunning"


_ALL = frozenset(Use)
ALLOWED: dict[Stage, frozenset[Use]] = {
    Stage.OPEN: _ALL,
    Stage.LEAVING: _ALL,
    Stage.READ_ONLY: frozenset({Use.SIGN_IN, Use.PAY, Use.DUNNING}),
    Stage.CLOSED: frozenset(),
}


def stage_at(now: datetime, *, leaves_at: datetime | None, closes_at: datetime | None) -> Stage:
    """The stage at an instant; each begins at its own instant."""
    if leaves_at is None:
        return Stage.OPEN
    if now < leaves_at:
        return Stage.LEAVING
    return Stage.READ_ONLY if closes_at is None or now < closes_at else Stage.CLOSED
