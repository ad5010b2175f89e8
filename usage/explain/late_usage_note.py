"""The note on a month's page about usage that was reported late."""

from dataclasses import dataclass

from usage.explain.peaks import Explanation
from usage.formatting import counted_noun, exact_instant
from usage.ledger.late_usage import LateUsageEvent, missing_usage

LISTED = 20


@dataclass(frozen=True, slots=True)
class LateUsageNote:
    """A sentence, and the late changes with their real instants; `more` are not listed."""

    sentence: str
    changes: tuple[tuple[str, str], ...]
    more: int


def late_usage_note(*, explanation: Explanation, organization_id: int) -> LateUsageNote | None:
    """The note of an organization's month; None without usage that was reported late."""
    missing = missing_usage(
        organization_id=organization_id,
        metric=explanation.metric,
        month=explanation.month,
        zone=explanation.zone,
    )
    if missing is None:
        return None
    number = counted_noun(len(missing.changes), "changes")
    restated = f"{missing.high_water_mark:,} {explanation.metric.value}"
    is_higher = missing.high_water_mark > explanation.high_water_mark
    effect = (
        "the difference is a line of the next invoice" if is_higher else "no more than was counted"
    )
    return LateUsageNote(
        sentence=f"{number} of this month came too late to be counted in it. "
        f"With all of it the month would have had {restated}: {effect}.",
        changes=tuple(
            (_change(change), exact_instant(change.effective_at, explanation.zone))
            for change in missing.changes[:LISTED]
        ),
        more=max(0, len(missing.changes) - LISTED),
    )


def _change(change: LateUsageEvent) -> str:
    verb = "added" if change.delta > 0 else "removed"
    by = f" by {change.actor_name}" if change.actor_name else ""
    return f"{change.subject_name} {verb}{by}"
