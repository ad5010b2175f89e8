"""What a month lacked because it was told late, in words."""

from dataclasses import dataclass

from usage.explain.peaks import Explanation
from usage.formatting import counted_noun, exact_instant
from usage.ledger.late_usage import LateUsageEvent, missing_usage

SHOWN = 20


@dataclass(frozen=True, slots=True)
class LateUsageNote:
    """A sentence about the month, and who came or went when; `more` are not listed."""

    sentence: str
    changes: tuple[tuple[str, str], ...]
    more: int


def late_usage_note(*, explanation: Explanation) -> LateUsageNote | None:
    """The story of the explained month; None where nothing was told late of it."""
    lacked = missing_usage(
        organization_id=explanation.organization_id,
        metric=explanation.metric,
        month=explanation.month,
        zone=explanation.zone,
    )
    if lacked is None:
        return None
    noun = explanation.metric.value
    would, was = lacked.high_water_mark, explanation.high_water_mark
    told = f"{counted_noun(len(lacked.changes), 'changes')} of this month came too late for its log"
    end = "no more than was counted"
    if would > was:
        end = "the difference is a line of the next invoice"
    end = f"With all of it the month would have had {would:,} {noun}: {end}."
    return LateUsageNote(
        sentence=f"{told}. {end}",
        changes=tuple(
            (_did(change), exact_instant(change.effective_at, explanation.zone))
            for change in lacked.changes[:SHOWN]
        ),
        more=max(0, len(lacked.changes) - SHOWN),
    )


def _did(change: LateUsageEvent) -> str:
    did = "added" if change.delta > 0 else "removed"
    by = f" by {change.actor_name}" if change.actor_name else ""
    return f"{change.subject_name} {did}{by}"
