"""A month's peak in plain sentences."""

from datetime import datetime

from django.utils.html import format_html
from django.utils.safestring import SafeString

from usage.explain.peaks import Explanation, LocalPeak
from usage.formatting import counted_noun, day_and_time, duration, ordinal, way_in


def peak_sentence(*, explanation: Explanation, organization: str, now: datetime) -> SafeString:
    """Why the number is what it is, for somebody who has never heard of high-water marks."""
    told, peak = explanation, explanation.peak
    noun, month = told.metric.value, f"{told.month.first_day:%B %Y}"
    if peak.event:
        return format_html(
            "On {} {}: the {} {}{}.",
            day_and_time(peak.at, told.zone),
            _who_added_whom(peak),
            ordinal(peak.level),
            noun.removesuffix("s"),
            ", and the last of {} added at once".format(f"{peak.together:,}")
            if peak.together > 1
            else "",
        )
    is_over = told.ends_at <= now
    if told.hours:
        return format_html(
            "<bdi>{}</bdi> began {} with {} and {} more.",
            organization, month, counted_noun(peak.level, noun),
            "never had" if is_over else "has not had",
        )  # fmt: skip
    if peak.level == 0:
        return format_html(
            "<bdi>{}</bdi> {} no {} in {}.",
            organization, "had" if is_over else "has had", noun, month,
        )  # fmt: skip
    return format_html(
        "Nothing changed in {}{}: <bdi>{}</bdi> {} {}.",
        month, "" if is_over else " so far", organization,
        "had" if is_over else "has", counted_noun(peak.level, noun),
    )  # fmt: skip


def after_sentence(*, explanation: Explanation, now: datetime) -> str:
    """How long the peak lasted, and whether it was reached again; empty where nothing moved."""
    told, peak = explanation, explanation.peak
    if not told.hours or not peak.level:
        return ""
    until = peak.until or min(told.ends_at, now)
    lasted = duration(until - peak.at)
    if peak.until:
        said = f"It lasted {lasted}, until {day_and_time(peak.until, told.zone)}."
    elif told.ends_at <= now:
        said = f"It lasted {lasted}, to the end of the month."
    else:
        said = f"It has lasted {lasted}, and still does."
    if peak.times > 1:
        said += f" {peak.level:,} was reached {peak.times:,} times; the first is shown."
    return said


def second_peak_sentence(*, explanation: Explanation) -> SafeString:
    """The highest level of another time, or why there is none."""
    told, second = explanation, explanation.second_peak
    if not told.hours:
        return SafeString("There was none: nobody came or went.")
    if second is None:
        return SafeString("There was no second peak: the count rose to this one only.")
    again = "Again " if second.level == told.peak.level else ""
    level = f"{again}{counted_noun(second.level, told.metric.value)}"
    if second.event is None:
        return format_html("{}: the level that the month began with.", level)
    return format_html(
        "{} on {}, when {}.", level, day_and_time(second.at, told.zone), _who_added_whom(second)
    )


def _who_added_whom(local_peak: LocalPeak) -> SafeString:
    event = local_peak.event
    assert event is not None  # noqa: S101 - the callers looked
    if not event.actor_name:
        return format_html("<bdi>{}</bdi> was added {}", event.subject_name, way_in(event.via))
    return format_html(
        "<bdi>{}</bdi> added <bdi>{}</bdi> {}",
        event.actor_name, event.subject_name, way_in(event.via),
    )  # fmt: skip
