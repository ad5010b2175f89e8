"""Sentences that explain a month's peak."""

from datetime import datetime

from django.utils.html import format_html
from django.utils.safestring import SafeString

from usage.explain.peaks import Explanation, PeakEvent
from usage.formatting import counted_noun, day_and_time, duration, ordinal, via_text


def peak_sentence(*, explanation: Explanation, organization: str, now: datetime) -> SafeString:
    """The explanation of the number, for readers who do not know what a high-water mark is."""
    peak, noun = explanation.peak, explanation.metric.unit
    month = f"{explanation.month.first_day:%B %Y}"
    if peak.event:
        return format_html(
            "On {} {}: the {} {}{}{}.",
            day_and_time(peak.at, explanation.zone),
            _addition(peak.event),
            ordinal(peak.level),
            noun.removesuffix("s"),
            " of all organizations together" if explanation.organization_id is None else "",
            ", and the last of {} added at once".format(f"{peak.together:,}")
            if peak.together > 1
            else "",
        )
    is_over = explanation.ends_at <= now
    if explanation.hours:
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


def duration_sentence(*, explanation: Explanation, now: datetime) -> str:
    """How long the peak lasted and how often it was reached; empty for a month without events."""
    peak = explanation.peak
    if not explanation.hours or not peak.level:
        return ""
    lasted = duration((peak.until or min(explanation.ends_at, now)) - peak.at)
    if peak.until:
        text = f"It lasted {lasted}, until {day_and_time(peak.until, explanation.zone)}."
    elif explanation.ends_at <= now:
        text = f"It lasted {lasted}, to the end of the month."
    else:
        text = f"It has lasted {lasted} so far."
    if peak.times > 1:
        text += f" {peak.level:,} was reached {peak.times:,} times; the first is shown."
    return text


def second_peak_sentence(*, explanation: Explanation) -> SafeString:
    """The second-highest peak, or the reason why there is none."""
    second, noun = explanation.second_peak, explanation.metric.unit
    if not explanation.hours:
        return format_html("There was none: no {} were added or removed.", noun)
    if second is None:
        return SafeString("There was no second peak: the count rose to this one only.")
    again = "Again " if second.level == explanation.peak.level else ""
    count = f"{again}{counted_noun(second.level, noun)}"
    if second.event is None:
        return format_html("{}: the count that the month began with.", count)
    at = day_and_time(second.at, explanation.zone)
    return format_html("{} on {}, when {}.", count, at, _addition(second.event))


def _addition(event: PeakEvent) -> SafeString:
    via = via_text(event.via)
    to = (
        format_html(" to <bdi>{}</bdi>", event.organization_name) if event.organization_name else ""
    )
    if not event.actor_name:
        return format_html("<bdi>{}</bdi> was added{} {}", event.subject_name, to, via)
    return format_html(
        "<bdi>{}</bdi> added <bdi>{}</bdi>{} {}", event.actor_name, event.subject_name, to, via
    )
