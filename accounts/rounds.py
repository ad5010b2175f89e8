"""Scheduled rounds: a failure is an operations alert until the round works again."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from core.operations.alerts import Cause, found_everywhere
from core.operations.kinds import alert_kind
from core.telemetry.counters import ROUNDS

logger = logging.getLogger(__name__)

PREFIX = "rounds."
PLATFORM = ""


@dataclass(frozen=True, slots=True)
class Round:
    """A round: `title` names its work, `again` says when it is tried again."""

    kind: str
    title: str
    again: str

    @property
    def name(self) -> str:
        """Its name, which no other round has."""
        return self.kind.removeprefix(PREFIX)


@dataclass(frozen=True, slots=True)
class Look:
    """What a round's look at a provider found: whether it changed anything, and when to look again.

    `again_at` is the next instant at which the passing of time alone may give the round something
    to do: earlier is never wrong, later is. None for never.
    """

    has_changed: bool
    again_at: datetime | None


def scheduled_round(name: str, *, title: str, again: str) -> Round:
    """Declare a round, with the kind of the alerts about its failures."""
    return Round(alert_kind(PREFIX + name, title=f"{title} failed"), title, again)


def report_round(
    round_: Round,
    *,
    failed: Mapping[str, BaseException],
    worked: Collection[str],
    now: datetime,
) -> None:
    """Open alerts for the schemas in which the round failed; settle those in which it worked.

    `PLATFORM` is the schema of work that belongs to no provider. An error while reporting is
    logged: the work is done, and the next round reports again.
    """
    ROUNDS.labels(round_.name, "worked").inc(len(worked))
    ROUNDS.labels(round_.name, "failed").inc(len(failed))
    causes = {
        schema: [
            Cause(
                key="failed",
                summary=f"{type(error).__name__}: {error}"[:2000],
                next_step=f"Read the log and remove the cause. {round_.again}",
            )
        ]
        for schema, error in failed.items()
    }
    try:
        found_everywhere(
            kind=round_.kind, causes=causes, schemas=[*failed.keys(), *worked], now=now
        )
    except Exception:
        logger.exception("The failures of a round were not reported: %s", round_.title)
